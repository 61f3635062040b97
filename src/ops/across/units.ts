/**
 * `aisctl unit verify`: what systemd itself thinks of the units of nodes on their hosts, whether
 * they are the shipped ones, and what their processes really have got: a limit that a unit asks for
 * may be clipped without a word.
 */

import type {Fleet} from '../fleet.ts'
import {unitOf} from '../host/manifest.ts'
import {sha256} from '../host/manifest.ts'
import {commandError} from '../host/script.ts'
import {unitFiles} from '../payload/package-root.ts'
import type {TopologyNode} from '../topology/resolve.ts'
import {HOSTS_PARALLEL, onHosts, type OnHost} from './hosts.ts'

const VERIFY_TIMEOUT_MS = 120_000
/** Of systemd's scale from 0 (safe) to 10; the shipped units have 1.3. */
export const EXPOSURE_MAX = 2
const TEMPLATE = 'aisnode@.service'
const TEMPLATE_PATH = `/etc/systemd/system/${TEMPLATE}`

/** Words are units. Lines: KEY UNIT VALUE. */
const VERIFY = [
  'set -u; LC_ALL=C; export LC_ALL',
  `printf 'hash - %s\\n' "$(sha256sum <${TEMPLATE_PATH} 2>/dev/null | cut -d' ' -f1)"`,
  'for unit; do',
  '  said=$(systemd-analyze verify --man=no --recursive-errors=no "$unit" 2>&1); rc=$?',
  `  printf 'verify %s %s\\n' "$unit" "$rc"`,
  `  [ $rc = 0 ] || printf '%s\\n' "$said" | head -n 10 | while IFS= read -r line; do printf 'said %s %s\\n' "$unit" "$line"; done`,
  `  printf 'exposure %s %s\\n' "$unit" "$(systemd-analyze security --no-pager "$unit" 2>/dev/null | sed -n 's/.*exposure level.*: \\([0-9.]*\\).*/\\1/p')"`,
  '  for key in Restart WatchdogUSec LimitNOFILE NeedDaemonReload DropInPaths UnitFileState MainPID; do',
  `    printf '%s %s %s\\n' "$key" "$unit" "$(systemctl show -P "$key" -- "$unit")"; done`,
  '  pid=$(systemctl show -P MainPID -- "$unit")',
  `  [ "$pid" = 0 ] || printf 'open-files %s %s\\n' "$unit" "$(sed -n 's/^Max open files *\\([0-9]*\\).*/\\1/p' "/proc/$pid/limits" 2>/dev/null)"`,
  'done; echo "done - yes"',
].join('\n')

export interface VerifiedUnit {
  readonly host: string
  readonly unit: string
  readonly nodeId: string
  /** The file on the host is the one that this aisctl ships. */
  readonly shipped: boolean
  /** 0 to 10, less is safer; null when systemd does not tell. */
  readonly exposure: number | null
  readonly watchdog: string
  readonly restart: string
  readonly enabled: string
  /** Asked by the unit, and what its process has; null when it does not run. */
  readonly openFiles: {readonly asked: number; readonly effective: number | null}
  readonly dropIns: readonly string[]
  /** What speaks against it; empty: nothing. */
  readonly problems: readonly string[]
  /** How it is on this host; nothing of the unit can mend it. */
  readonly notes: readonly string[]
}

export async function verifyUnits(
  fleet: Fleet,
  nodes: readonly TopologyNode[],
): Promise<readonly OnHost<readonly VerifiedUnit[]>[]> {
  const template = sha256(unitFiles()[TEMPLATE] ?? '')
  const byHost = Map.groupBy(nodes, ({host}) => host)
  return onHosts(fleet, [...byHost.keys()], {
    parallel: HOSTS_PARALLEL,
    work: async (host) => {
      const own = byHost.get(host.name) ?? []
      const result = await host.run({
        argv: ['sh', '-c', VERIFY, 'aisctl', ...own.map(unitOf)],
        timeoutMs: VERIFY_TIMEOUT_MS,
      })
      if (!result.stdout.includes('done - yes')) {
        throw commandError(host, 'systemd-analyze', result, 'gave no complete answer')
      }
      return own.map((node) => verifiedUnit(node, result.stdout, template))
    },
  })
}

/** What the lines say of one node's unit. */
export function verifiedUnit(node: TopologyNode, text: string, template: string): VerifiedUnit {
  const unit = unitOf(node)
  const lines = text.split('\n').map((line) => line.split(' '))
  const many = (key: string): string[] =>
    lines
      .filter(([word, of]) => word === key && of === unit)
      .map((words) => words.slice(2).join(' '))
  const one = (key: string): string => many(key)[0] ?? ''
  const shipped = lines.some(([word, , hash]) => word === 'hash' && hash === template)
  const exposure = one('exposure') === '' ? null : Number(one('exposure'))
  const effective = one('open-files') === '' ? null : Number(one('open-files'))
  const asked = Number(one('LimitNOFILE'))
  return {
    host: node.host,
    unit,
    nodeId: node.id,
    shipped,
    exposure,
    watchdog: one('WatchdogUSec'),
    restart: one('Restart'),
    enabled: one('UnitFileState'),
    openFiles: {asked, effective},
    dropIns: one('DropInPaths')
      .split(' ')
      .filter((path) => path !== ''),
    problems: [
      ...(one('verify') === '0' ? [] : many('said')),
      ...(shipped ? [] : [`${TEMPLATE_PATH} is not the one that this aisctl ships: aisctl deploy`]),
      ...(one('NeedDaemonReload') === 'yes'
        ? ['its files have changed since systemd read them: systemctl daemon-reload']
        : []),
      ...(exposure !== null && exposure > EXPOSURE_MAX
        ? [
            `its exposure is ${exposure}, more than ${EXPOSURE_MAX}: see systemd-analyze security ${unit}`,
          ]
        : []),
    ],
    notes:
      effective !== null && effective < asked
        ? [`it asks for ${asked} open files and has ${effective}: the host’s own limit is lower`]
        : [],
  }
}
