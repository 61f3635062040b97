/**
 * `show cluster`: the tables that AIStore's operators know, and the summary below them. A node that
 * is leaving or away keeps its figures as long as it answers.
 */

import {formatDuration, formatSize} from '../../base/units.ts'
import type {ClusterOverview, Condition, NodeOverview} from '../../client/overview.ts'
import {downOf} from '../../client/overview.ts'
import {presentText} from '../../client/survival.ts'
import {nodeLabel} from '../../model/ids.ts'
import type {Member} from '../../model/node.ts'
import {isLeaving, NODE_FLAG} from '../../model/node.ts'
import {resilienceOf} from '../../model/resilience.ts'
import type {Json, JsonMap} from '../../wire/json.ts'
import {isJsonMap} from '../../wire/decode.ts'
import {STATE_FLAG} from '../../wire/state-flags.ts'
import {departureStyle, departureText} from './departure-view.ts'
import type {Paint, Style} from './paint.ts'
import {scalarText} from './properties.ts'
import type {TableColumn} from './table.ts'
import {renderGrid, renderTable} from './table.ts'

const NONE = '-'

/** `p[id][P]`: the primary; `p[id][n/e]`: never primary; `t[id][x]`: not active. */
export function nodeCell({member, isPrimary}: NodeOverview): string {
  return `${nodeLabel(member.role, member.id)}${marksOf(member, isPrimary)}`
}

/** What stands behind a node's name. */
export function marksOf(member: Member, isPrimary: boolean): string {
  const inactive = isLeaving(member) || member.away !== null
  const excluded = (member.flags & NODE_FLAG.nonElectable) !== 0
  return `${isPrimary ? '[P]' : ''}${excluded ? '[n/e]' : ''}${inactive ? '[x]' : ''}`
}

export function proxyTable(nodes: readonly NodeOverview[], paint: Paint): readonly string[] {
  return renderTable(nodes, [
    {heading: 'PROXY', cell: nodeCell},
    ...memoryColumns(),
    ...loadColumns(),
    ...stateColumns(paint),
  ])
}

export function targetTable(nodes: readonly NodeOverview[], paint: Paint): readonly string[] {
  return renderTable(nodes, [
    {heading: 'TARGET', cell: nodeCell},
    ...memoryColumns(),
    {heading: 'CAP USED(%)', cell: fact(({capacity}) => `${usedPercent(capacity)}%`)},
    {heading: 'CAP AVAIL', cell: fact(({capacity}) => formatSize(capacity.availableBytes, 3))},
    {heading: 'SYS CPU(%)', cell: fact(({system}) => `${Math.round(system.machineCpuPercent)}%`)},
    {
      heading: 'REBALANCE',
      cell: fact(({rebalance}) => rebalance && `${rebalance.state}(${rebalance.id})`),
    },
    {heading: 'UPTIME', cell: fact(({uptimeMs}) => uptimeText(uptimeMs))},
    ...stateColumns(paint),
  ])
}

type Column = TableColumn<NodeOverview>
type Facts = NonNullable<NodeOverview['facts']>

function fact(pick: (facts: Facts) => string | null): Column['cell'] {
  return ({facts}) => (facts === null ? NONE : (pick(facts) ?? NONE))
}

function memoryColumns(): readonly Column[] {
  return [
    {heading: 'MEM USED(%)', cell: fact(({system}) => `${system.memoryPercent.toFixed(2)}%`)},
    {heading: 'MEM AVAIL', cell: fact(({system}) => formatSize(system.memoryAvailableBytes))},
  ]
}

function loadColumns(): readonly Column[] {
  return [
    {heading: 'SYS CPU(%)', cell: fact(({system}) => `${Math.round(system.machineCpuPercent)}%`)},
    {heading: 'UPTIME', cell: fact(({uptimeMs}) => uptimeText(uptimeMs))},
  ]
}

function stateColumns(paint: Paint): readonly Column[] {
  const alert = (node: NodeOverview): string => alertText(node)
  return [
    {heading: 'STATUS', cell: (node) => statusCell(node, paint)},
    {
      heading: 'ALERT',
      cell: (node) => (alert(node) === '' ? NONE : paint('yellow', alert(node))),
      show: (node) => alert(node) !== '',
    },
  ]
}

/** Of a node that is being taken out also whether it may be powered off. */
function statusCell({condition, departure}: NodeOverview, paint: Paint): string {
  if (departure === null) return paint(STYLE[condition], condition)
  return paint(departureStyle(departure), departureText(condition, departure))
}

const STYLE: Readonly<Record<Condition, Style>> = {
  online: 'green',
  joining: 'cyan',
  absent: 'yellow',
  lost: 'red',
  maintenance: 'cyan',
  decommission: 'cyan',
  unreachable: 'red',
}

/** Whole seconds: what changes between two looks, and no more. */
function uptimeText(ms: number): string {
  return formatDuration(Math.floor(ms / 1000) * 1000)
}

/** Bits of a node's state that somebody should know of, in AIStore's words. */
const ALERTS: readonly (readonly [bit: number, word: string])[] = [
  [STATE_FLAG.rebalancing, 'rebalancing'],
  [1 << 4, 'rebalance-interrupted'],
  [1 << 5, 'resilvering'],
  [1 << 6, 'resilver-interrupted'],
  [STATE_FLAG.restarted, 'node-restarted'],
  [STATE_FLAG.outOfSpace, 'out-of-space'],
  [1 << 9, 'out-of-memory'],
  [STATE_FLAG.maintenance, 'in-maintenance'],
  [STATE_FLAG.lowCapacity, 'low-usable-capacity'],
  [1 << 12, 'low-memory'],
  [STATE_FLAG.diskFault, 'disk-fault'],
  [STATE_FLAG.keepaliveErrors, 'keepalive-errors'],
  [1 << 20, 'out-of-cpu'],
  [1 << 21, 'low-cpu'],
  [1 << 22, 'disk-out-of-space'],
  [1 << 23, 'disk-low-capacity'],
]

/** '' when all is well; a word, or several in brackets. */
function alertText({facts, problem}: NodeOverview): string {
  if (facts === null) return problem === null ? '' : 'no-answer'
  const flags = facts.state?.flags ?? 0
  const words = ALERTS.filter(([bit]) => (flags & bit) !== 0).map(([, word]) => word)
  const started = STATE_FLAG.clusterStarted | STATE_FLAG.nodeStarted
  if (flags !== 0 && (flags & started) !== started) words.push('starting')
  return words.length > 1 ? `[${words.join(' ')}]` : (words[0] ?? '')
}

export interface SummaryFacts {
  readonly overview: ClusterOverview
  readonly config: JsonMap | null
  readonly backends: readonly Json[]
}

/** The block `Cluster:` below the tables. */
export function summary({overview, config, backends}: SummaryFacts): readonly string[] {
  const {nodes, smap} = overview
  const proxies = nodes.filter(({member}) => member.role === 'proxy')
  const targets = nodes.filter(({member}) => member.role === 'target')
  const primary = nodes.find(({isPrimary}) => isPrimary)
  const rows: readonly (readonly [string, string])[] = [
    ['CLI Endpoint:', overview.endpoint],
    ['Proxies:', proxiesText(proxies)],
    ['Targets:', targetsText(targets)],
    ['Capacity:', capacityText(targets)],
    [
      'Cluster Map:',
      `version ${smap.version}, UUID ${overview.uuid}, primary ${nodeLabel('proxy', smap.primary)}`,
    ],
    ['Software:', softwareText(nodes)],
    ['Backend:', backends.length === 0 ? 'None' : backends.map(scalarText).join(', ')],
    ['Deployment:', same(nodes.flatMap(({facts}) => facts?.deployment ?? []))],
    ['Status:', countsText(nodes)],
    ...resilienceRow(overview),
    ['Rebalance:', rebalanceText(targets)],
    ['Authentication:', isAuthenticated(config) ? 'enabled' : 'disabled'],
    ['Version:', same(nodes.flatMap(({facts}) => facts?.version ?? []))],
    ['Build:', same(nodes.flatMap(({facts}) => facts?.build ?? []))],
    ['Primary (Smap):', primary === undefined ? 'none at present' : urlOf(primary)],
  ]
  return ['Cluster:', ...renderGrid(rows.map(([name, value]) => [`   ${name}`, value]))]
}

/** Left out of a cluster that elects by other rules than ours. */
function resilienceRow(overview: ClusterOverview): readonly (readonly [string, string])[] {
  const {leader, nodes, smap} = overview
  if (leader === null) return []
  const members = Object.values(smap.nodes)
  const now = resilienceOf(members, {primary: smap.primary, down: downOf(nodes)})
  return [['Resilience:', presentText(members, now)]]
}

function urlOf({member}: NodeOverview): string {
  const {host, port} = member.public
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function proxiesText(proxies: readonly NodeOverview[]): string {
  const not = proxies.filter(({member}) => (member.flags & NODE_FLAG.nonElectable) !== 0).length
  const electable = not === 0 ? 'all electable' : `${not} non-electable`
  return `${proxies.length}${inactiveText(proxies)} (${electable})`
}

function targetsText(targets: readonly NodeOverview[]): string {
  const disks = targets.reduce((sum, {facts}) => sum + disksOf(facts), 0)
  return `${targets.length}${inactiveText(targets)} (total disks: ${disks})`
}

function disksOf(facts: Facts | null): number {
  const mountpaths = Object.values(facts?.capacity.mountpaths ?? {})
  return new Set(mountpaths.flatMap(({disks}) => disks)).size
}

function inactiveText(nodes: readonly NodeOverview[]): string {
  const count = nodes.filter(({member}) => isLeaving(member) || member.away !== null).length
  return count === 0 ? '' : ` (${count} inactive)`
}

function capacityText(targets: readonly NodeOverview[]): string {
  const capacities = targets.flatMap(({facts}) => facts?.capacity ?? [])
  if (capacities.length === 0) return NONE
  const usedBytes = capacities.reduce((sum, one) => sum + one.usedBytes, 0)
  const availableBytes = capacities.reduce((sum, one) => sum + one.availableBytes, 0)
  const percent = usedPercent({usedBytes, availableBytes})
  return `used ${formatSize(usedBytes)} (${percent}%), available ${formatSize(availableBytes)}`
}

function usedPercent({usedBytes, availableBytes}: Use): number {
  const all = usedBytes + availableBytes
  return all === 0 ? 0 : Math.round((100 * usedBytes) / all)
}

interface Use {
  readonly usedBytes: number
  readonly availableBytes: number
}

function softwareText(nodes: readonly NodeOverview[]): string {
  return same(nodes.flatMap(({facts}) => softwareOf(facts) ?? []))
}

function softwareOf(facts: Facts | null): string | null {
  return facts === null ? null : `${facts.version} (build: ${facts.build})`
}

function same(texts: readonly string[]): string {
  const [first = NONE, ...others] = [...new Set(texts.filter((text) => text !== ''))]
  return others.length === 0 ? first : [first, ...others].join(', ')
}

/** `7 online`, or `[6 online, 1 maintenance]`. */
function countsText(nodes: readonly NodeOverview[]): string {
  const counts = new Map<Condition, number>()
  for (const {condition} of nodes) counts.set(condition, (counts.get(condition) ?? 0) + 1)
  const words = [...counts].toSorted(([, a], [, b]) => b - a).map(([word, n]) => `${n} ${word}`)
  return words.length > 1 ? `[${words.join(', ')}]` : (words[0] ?? NONE)
}

function rebalanceText(targets: readonly NodeOverview[]): string {
  const found = targets.flatMap(({facts}) => facts?.rebalance ?? [])
  const running = found.find(({state}) => state === 'running') ?? found[0]
  return running === undefined ? NONE : `${running.state}(${running.id})`
}

function isAuthenticated(config: JsonMap | null): boolean {
  const auth = config?.['auth']
  if (!isJsonMap(auth)) return false
  return auth['enabled'] === true || auth['client_auth_required'] === true
}
