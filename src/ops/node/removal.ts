/**
 * Nodes that have left the cluster, written down where the next command looks: in what this machine
 * keeps and on every host, where their units are turned off. What cannot be done is a debt. Before
 * that: which nodes were ordered out and have not been seen to be gone.
 */

import {existsSync, mkdirSync, readFileSync, renameSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {AisError} from '../../base/errors.ts'
import {rememberCluster} from '../../client/known-clusters.ts'
import {nodeLabel} from '../../model/ids.ts'
import {isLeaving} from '../../model/node.ts'
import {askDirectly} from '../cluster/ask.ts'
import {labelOf, readMap} from '../cluster/health.ts'
import {newestState} from '../deploy/deployment.ts'
import {knownAs} from '../deploy/open.ts'
import type {Fleet} from '../fleet.ts'
import {applyManifest} from '../host/apply.ts'
import {removedUnits, savedStateFile, TOPOLOGY_FILE, unitOf} from '../host/manifest.ts'
import type {NewDebt} from '../run/debts.ts'
import {
  formatSavedState,
  parseSavedState,
  readSite,
  writeSite,
  type SavedState,
  type Site,
} from '../site/site.ts'
import {withRemoved} from '../topology/removed.ts'
import {everyNodeOf, nodesOf, type TopologyHost, type TopologyNode} from '../topology/resolve.ts'

export {labelOf}

/** Ids of nodes that were ordered out from this machine and may still be on their way. */
export function leavingOf(site: Site): readonly string[] {
  const file = leavingFile(site)
  if (!existsSync(file)) return []
  const value: unknown = JSON.parse(readFileSync(file, 'utf8'))
  return Array.isArray(value) ? value.filter((id) => typeof id === 'string') : []
}

/** Notes, when the order was given, that these nodes will be gone one day. */
export function noteLeaving(site: Site, ids: readonly string[]): void {
  writeLeaving(site, [...new Set([...leavingOf(site), ...ids])])
}

/**
 * Looks whether nodes that were ordered out have gone, and writes it down here: by the map of the
 * running cluster alone. Who was taken back is no longer waited for. Gives the ids of those gone.
 */
export async function settleLeaving(site: Site): Promise<readonly string[]> {
  const leaving = leavingOf(site)
  const state = readSite(site)
  if (leaving.length === 0 || state === undefined) return []
  const map = await readMap(state.topology, askDirectly(state.topology))
  if (map === undefined) return []
  const gone = leaving.filter((id) => map.smap.nodes[id] === undefined)
  if (gone.length > 0) keepRemovedHere(site, state, gone)
  const still = leaving.filter((id) => {
    const member = map.smap.nodes[id]
    return member !== undefined && isLeaving(member)
  })
  writeLeaving(site, still)
  return gone
}

/** What came of writing it down. */
export interface RemovalRecord {
  readonly generation: number
  readonly debts: readonly NewDebt[]
}

/**
 * Writes down that these nodes are gone, here and on every host, and turns their units off. May be
 * repeated: what is so already stays.
 * @throws AisError NOT_FOUND when nothing is known of the cluster
 */
export async function recordRemoved(
  fleet: Fleet,
  site: Site,
  ids: readonly string[],
): Promise<RemovalRecord> {
  const before = readSite(site)
  if (before === undefined) {
    throw new AisError({code: 'NOT_FOUND', message: `${site.stateFile} is missing`})
  }
  const copies = await Promise.all(before.topology.hosts.map(({name}) => copyOn(fleet, name)))
  const state = keepRemovedHere(site, newestState([before, ...copies]) ?? before, ids)
  writeLeaving(
    site,
    leavingOf(site).filter((id) => !ids.includes(id)),
  )
  const debts = await Promise.all(
    state.topology.hosts.map((host) => recordOn(fleet, host, {state, ids})),
  )
  return {generation: state.generation, debts: debts.flat()}
}

function keepRemovedHere(site: Site, before: SavedState, ids: readonly string[]): SavedState {
  const known = new Set(nodesOf(before.topology).map(({id}) => id))
  const news = ids.filter((id) => known.has(id))
  if (news.length === 0) return before
  const state: SavedState = {
    ...before,
    generation: before.generation + 1,
    topology: withRemoved(before.topology, news),
  }
  writeSite(site, state)
  rememberCluster(knownAs(state.topology, site))
  return state
}

/** What a host keeps of the topology: another machine may have deployed since. */
async function copyOn(fleet: Fleet, name: string): Promise<SavedState | undefined> {
  try {
    const {status, stdout} = await fleet.host(name).run({argv: ['cat', TOPOLOGY_FILE]})
    return status === 0 ? parseSavedState(stdout, `${name}:${TOPOLOGY_FILE}`) : undefined
  } catch (error) {
    if (error instanceof AisError && error.code !== 'INTERRUPTED') return undefined
    throw error
  }
}

async function recordOn(
  fleet: Fleet,
  host: TopologyHost,
  {state, ids}: {readonly state: SavedState; readonly ids: readonly string[]},
): Promise<readonly NewDebt[]> {
  const entries = [savedStateFile(formatSavedState(state)), ...removedUnits(host)]
  const mode = 'apply'
  const manifest = {host: host.name, entries}
  try {
    await applyManifest(fleet.host(host.name), manifest, {mode, payload: [], secrets: {}})
    return []
  } catch (error) {
    if (!(error instanceof AisError) || error.code === 'INTERRUPTED') throw error
    return debtsOn(host, {ids, why: error.message})
  }
}

function debtsOn(
  host: TopologyHost,
  {ids, why}: {readonly ids: readonly string[]; readonly why: string},
): readonly NewDebt[] {
  const gone = (host.removed ?? []).filter(({id}) => ids.includes(id))
  const units = gone.map(({instance}) => unitOf({instance})).join(' ')
  const copy: NewDebt = {
    key: `topology:${host.name}`,
    what: `${host.name} does not know that ${ids.join(', ')} left (${why})`,
    pay: 'aisctl deploy',
  }
  if (gone.length === 0) return [copy]
  return [
    copy,
    {
      key: `unit-enabled:${host.name}`,
      what: `${units} on ${host.name} may start again with the host`,
      pay: `aisctl node decommission ${gone.map(({id}) => id).join(' ')}, or there: systemctl disable --now ${units}`,
    },
  ]
}

/**
 * The nodes of the saved topology that the words name, those that have left included; undefined
 * unless each of them names one.
 */
export function nodesWritten(
  {topology}: SavedState,
  words: readonly string[],
): readonly TopologyNode[] | undefined {
  const nodes = everyNodeOf(topology)
  const found = words.map((word) =>
    nodes.find(({role, id, host, instance}) =>
      [id, nodeLabel(role, id), `${host}/${instance}`].includes(word),
    ),
  )
  return found.every((node) => node !== undefined) ? found : undefined
}

function leavingFile({directory}: Site): string {
  return join(directory, 'leaving.json')
}

function writeLeaving(site: Site, ids: readonly string[]): void {
  if (ids.length === 0 && !existsSync(leavingFile(site))) return
  mkdirSync(site.directory, {recursive: true, mode: 0o700})
  const next = `${leavingFile(site)}.${process.pid}.new`
  writeFileSync(next, `${JSON.stringify(ids)}\n`, {mode: 0o600, flush: true})
  renameSync(next, leavingFile(site))
}
