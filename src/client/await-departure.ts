/**
 * Waiting until nodes are out: in maintenance with nothing on them alone, shut down, or gone. Fails
 * when somebody takes them back meanwhile, or stops the data on its way.
 */

import {AisError} from '../base/errors.ts'
import {formatDuration} from '../base/units.ts'
import {nodeLabel} from '../model/ids.ts'
import type {OperationAnswer} from '../wire/operation.ts'
import {decodeSmap} from '../wire/smap.ts'
import type {ClusterClient} from './cluster.ts'
import type {Looks} from './look-until.ts'
import {lateHint, lookUntil, reasonsOf} from './look-until.ts'
import type {MembershipAction} from './membership.ts'

export interface Leaving {
  readonly id: string
  readonly role: 'proxy' | 'target'
}

export interface DepartureWait extends Looks {
  readonly action: Exclude<MembershipAction, 'stop-maintenance'>
  readonly nodes: readonly Leaving[]
  /** Their data is to move first. */
  readonly moves: boolean
}

/** Looks in a row that have to agree before a node counts as taken back. */
const TAKEN_BACK_LOOKS = 3

/** @throws AisError PARTIAL when it was interrupted or stopped, TIMED_OUT */
export async function awaitDeparture(
  client: ClusterClient,
  {action, nodes, moves, ...looks}: DepartureWait,
): Promise<void> {
  let backLooks = 0
  await lookUntil<true>(client, looks, {
    judge: async (answer) => {
      const ids = await membersOf(client)
      const views = nodes.map((node) => ({
        node,
        stand: standOf(node, action, {answer, ids, moves}),
      }))
      if (views.every(({stand}) => stand === 'out')) return true
      const stuck = views.find(({stand}) => stand === 'not-moved')
      if (stuck !== undefined) throw notMoved(stuck.node)
      const back = views.find(({stand}) => stand === 'back')
      backLooks = back === undefined ? 0 : backLooks + 1
      if (back !== undefined && backLooks >= TAKEN_BACK_LOOKS) throw takenBack(back.node, action)
      return undefined
    },
    late: (last) => late(nodes, last, looks.timeoutMs),
  })
}

type Stand = 'on-its-way' | 'out' | 'not-moved' | 'back'

interface Seen {
  readonly answer: OperationAnswer
  /** Ids of the map. */
  readonly ids: ReadonlySet<string>
  readonly moves: boolean
}

function standOf(
  {id}: Leaving,
  action: DepartureWait['action'],
  {answer, ids, moves}: Seen,
): Stand {
  const {op, move, nodes} = answer
  if (!ids.has(id)) return action === 'decommission-node' ? 'out' : 'back'
  if (op?.nodes.some((one) => one === id) === true) return 'on-its-way'
  const node = nodes.find((one) => one.id === id)
  const wanted = action === 'decommission-node' ? 'decommission' : 'maintenance'
  if (node?.status !== wanted) return 'back'
  if (node.holds && moves) return move === null ? 'not-moved' : 'on-its-way'
  if (action === 'decommission-node') return 'on-its-way'
  return action === 'start-maintenance' || node.away ? 'out' : 'on-its-way'
}

async function membersOf(client: ClusterClient): Promise<ReadonlySet<string>> {
  const {smap} = decodeSmap(await client.smap())
  return new Set(Object.keys(smap.nodes))
}

function notMoved({id, role}: Leaving): AisError {
  return new AisError({
    code: 'PARTIAL',
    message: `${nodeLabel(role, id)} is out of service, but its data has not moved: do not power it off`,
    hint: 'move it: aisctl rebalance start --wait',
    details: {node: id},
  })
}

function takenBack({id, role}: Leaving, action: string): AisError {
  return new AisError({
    code: 'PARTIAL',
    message: `${nodeLabel(role, id)} was taken back into service; the ${action} is over`,
    hint: 'see: aisctl show cluster',
    details: {node: id},
  })
}

function late(
  nodes: readonly Leaving[],
  last: OperationAnswer | null,
  timeoutMs: number,
): AisError {
  const labels = nodes.map(({id, role}) => nodeLabel(role, id)).join(', ')
  return new AisError({
    code: 'TIMED_OUT',
    message: `${labels} not out after ${formatDuration(timeoutMs)}${reasonsOf(last)}`,
    hint: lateHint(last, 'it goes on by itself; see: aisctl show rebalance'),
  })
}
