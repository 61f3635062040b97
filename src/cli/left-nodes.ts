/**
 * What a cluster's hosts and this machine keep of nodes that are taken out of it: noted when the
 * order is given, written down when they are gone. Only of clusters whose hosts are known here.
 */

import {existsSync} from 'node:fs'
import {ERROR_TABLE} from '../base/errors.ts'
import type {ClusterClient} from '../client/cluster.ts'
import type {FoundCluster} from '../client/find-cluster.ts'
import type {NewDebt} from '../ops/run/debts.ts'
import {decodeSmap} from '../wire/smap.ts'
import {askSecret} from './prompt.ts'

/** What is to be said of it. */
export interface WrittenDown {
  readonly lines: readonly string[]
  readonly debts: readonly NewDebt[]
}

const NOTHING: WrittenDown = {lines: [], debts: []}

/** The order is given; when they are gone the next command will find out. */
export async function noteOrderedOut(found: FoundCluster, ids: readonly string[]): Promise<void> {
  const {known} = found
  if (known?.topologyFile === undefined || !existsSync(known.topologyFile)) return
  const {open, removal} = await load()
  removal.noteLeaving(open.openDeployed(known.topologyFile).site, ids)
}

/** They are gone: hosts are told, their units are turned off. Debts set the exit code. */
export async function writeDownGone(
  {known}: FoundCluster,
  ids: readonly string[],
): Promise<WrittenDown> {
  if (known?.topologyFile === undefined || !existsSync(known.topologyFile)) return NOTHING
  const {open, removal, fleets} = await load()
  const {topology, site} = open.openDeployed(known.topologyFile)
  const fleet = fleets.openFleet(topology, {site, askSecret})
  try {
    const {debts} = await removal.recordRemoved(fleet, site, ids)
    if (debts.length > 0) process.exitCode = ERROR_TABLE.PARTIAL.exit
    return {lines: debts.map(({what, pay}) => `Left to do: ${what}. Do it: ${pay}`), debts}
  } finally {
    await fleet.close()
  }
}

/** A node of the hosts that is in no map. */
export interface GoneNode {
  readonly id: string
  readonly label: string
  /** It was ordered out from here, or is written down already: nothing has to be asked. */
  readonly expected: boolean
}

/** The nodes that are meant, when the hosts know all of them and the map none; else undefined. */
export async function goneAlready(
  names: readonly string[],
  {known}: FoundCluster,
  client: ClusterClient,
): Promise<readonly GoneNode[] | undefined> {
  if (known?.topologyFile === undefined || !existsSync(known.topologyFile)) return undefined
  const {open, removal} = await load()
  const {before, site} = open.openDeployed(known.topologyFile)
  const nodes = before === undefined ? undefined : removal.nodesWritten(before, names)
  if (before === undefined || nodes === undefined || nodes.length === 0) return undefined
  const {smap} = decodeSmap(await client.smap())
  if (nodes.some(({id}) => smap.nodes[id] !== undefined)) return undefined
  const removed = new Set(before.topology.hosts.flatMap((host) => host.removed ?? []))
  const leaving = removal.leavingOf(site)
  return nodes.map((node) => ({
    id: node.id,
    label: removal.labelOf(node),
    expected: removed.has(node) || leaving.includes(node.id),
  }))
}

/** Loaded here alone: with SSH and YAML it costs more than the command. */
async function load() {
  const [open, removal, fleets] = await Promise.all([
    import('../ops/deploy/open.ts'),
    import('../ops/node/removal.ts'),
    import('../ops/fleet.ts'),
  ])
  return {open, removal, fleets}
}
