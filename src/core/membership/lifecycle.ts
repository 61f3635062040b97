/**
 * Taking nodes out and back in (R28–R30): what a command does to the map, and which operation it
 * begins. Nothing here moves data or ends a process; those are phases of the operation, which the
 * primary carries on as the reports come in.
 */

import {refusal, type Refusal} from '../../base/errors.ts'
import type {LifecycleCommand} from '../../model/command.ts'
import {isRefusal, type NodeId} from '../../model/ids.ts'
import {
  isElectable,
  isLeaving,
  isVoter,
  LEAVING_FLAGS,
  NODE_FLAG,
  nodeLabelOf,
  ownsKeys,
  type Member,
} from '../../model/node.ts'
import type {ClusterRecord, Moves, Operation, Smap} from '../../model/record.ts'
import {whyBusy} from './busy.ts'

/** What a command makes of the record's parts. */
export interface LifecycleChange {
  readonly smap: Smap
  readonly op: Operation | null
  readonly moves: Moves
}

/** Every flag that says something about being taken out. */
const OUT_FLAGS = LEAVING_FLAGS | NODE_FLAG.maintenancePostRebalance

/** The parts after a command, or why not; all of its nodes or none. */
export function applyLifecycle(
  record: Pick<ClusterRecord, 'smap' | 'bmd' | 'own' | 'op' | 'move' | 'rmd' | 'conf'>,
  command: LifecycleCommand,
  index: number,
): LifecycleChange | Refusal {
  const members = command.nodes.map((id) => record.smap.nodes[id])
  const missing = command.nodes.find((_id, at) => members[at] === undefined)
  if (missing !== undefined)
    return refusal(
      'NODE_NOT_FOUND',
      `${command.action} node ${missing} not present in Smap v${record.smap.version}`,
      {hint: 'the nodes are: aisctl show cluster'},
    )
  const busy = whyBusy(record, command)
  if (busy !== undefined) return busy
  const known = members.filter((member) => member !== undefined)
  return takeOut(record, command, known, index)
}

/**
 * Back to service: the node owns its share again, at once. One that is off could not serve it; when
 * that interrupts an operation it is a loss like any other.
 */
function takeIn(
  record: Pick<ClusterRecord, 'smap' | 'op'>,
  {skipRebalance}: LifecycleCommand,
  members: readonly Member[],
): LifecycleChange | Refusal {
  const off = members.find((member) => isLeaving(member) && member.away !== null)
  if (off !== undefined && record.op === null) {
    return refusal(
      'WRONG_STATE',
      `${nodeLabelOf(off)} is off: nobody could reach what it would own`,
      {hint: `start it first: aisctl node start ${off.id}`, details: {node: off.id}},
    )
  }
  const smap = withFlags(record.smap, members, (flags) => flags & ~OUT_FLAGS)
  const interrupted = record.op !== null && members.some(({id}) => record.op?.nodes.includes(id))
  const moves = skipRebalance ? 'no' : 'with-owners'
  return {smap, op: interrupted ? null : record.op, moves}
}

function takeOut(
  record: Pick<ClusterRecord, 'smap' | 'bmd' | 'own' | 'op' | 'conf'>,
  command: LifecycleCommand,
  members: readonly Member[],
  index: number,
): LifecycleChange | Refusal {
  const {action} = command
  if (action === 'stop-maintenance') return takeIn(record, command, members)
  if (record.op !== null) return {smap: record.smap, op: record.op, moves: 'with-owners'}
  const refused = whyNotOut(record, command, members)
  if (refused !== undefined) return refused
  const smap = withFlags(record.smap, members, (flags) =>
    action === 'decommission-node'
      ? (flags & ~OUT_FLAGS) | NODE_FLAG.decommission
      : flags | NODE_FLAG.maintenance,
  )
  const unsafe = whyUnsafe(record.smap, smap)
  if (unsafe !== undefined) return unsafe
  const first = movesData(record, command, members)
  if (isRefusal(first)) return first
  const moves = first ? 'yes' : 'no'
  if (action === 'start-maintenance' && !first) return {smap, op: null, moves}
  const op: Operation = {
    id: `m${index}`,
    action,
    nodes: command.nodes,
    phase: first ? 'moving' : 'verified',
    rmUserData: command.rmUserData,
    keepInitialConfig: command.keepInitialConfig,
    noShutdown: command.noShutdown,
  }
  return {smap, op, moves}
}

function whyNotOut(
  {smap}: Pick<ClusterRecord, 'smap'>,
  {action}: LifecycleCommand,
  members: readonly Member[],
): Refusal | undefined {
  for (const member of members) {
    const label = nodeLabelOf(member)
    if (member.id === smap.primary) {
      return refusal(
        'WRONG_STATE',
        `${label} is the current primary, cannot perform action "${action}" on itself`,
        {hint: 'first make another gateway primary: aisctl cluster set-primary NODE'},
      )
    }
    if (action !== 'decommission-node' && (member.flags & NODE_FLAG.decommission) !== 0) {
      return refusal('WRONG_STATE', `${label} is currently being decommissioned`, {
        hint: `first take it back: aisctl node maintenance stop ${member.id}`,
      })
    }
    if (action === 'decommission-node' && member.away !== null) {
      return refusal('WRONG_STATE', `${label} is off: it could not be told to forget the cluster`, {
        hint: `start it first: aisctl node start ${member.id} · if it is lost for good: aisctl advanced remove-from-smap ${member.id}`,
        details: {node: member.id},
      })
    }
    if (member.learner) return refusal('NOT_READY', `${label} has just joined; try again`)
  }
  return undefined
}

/** Quorum and leadership have to survive it (R15), with the nodes that are there now. */
export function whyUnsafe(before: Smap, after: Smap): Refusal | undefined {
  const voters = Object.values(after.nodes).filter(isVoter)
  if (!voters.some(isElectable)) return refusal('REFUSED', 'no electable gateway would remain')
  const here = voters.filter((member) => member.away === null)
  if (here.length * 2 > voters.length) return undefined
  const gone = Object.keys(before.nodes).length - here.length
  return refusal(
    'REFUSED',
    `only ${here.length} of the ${voters.length} voters that would remain are there now`,
    {hint: 'bring the missing nodes back first: aisctl show cluster', details: {gone}},
  )
}

/**
 * Whether the operation moves data first. A target that holds the only copies is never
 * decommissioned without that (R29, R30), whatever was asked for.
 */
function movesData(
  record: Pick<ClusterRecord, 'smap' | 'bmd' | 'own' | 'conf'>,
  command: LifecycleCommand,
  members: readonly Member[],
): boolean | Refusal {
  const targets = members.filter(({role}) => role === 'target')
  const holds = targets.filter(({id}) => mayHold(record, id))
  if (holds.length === 0) return false
  const enabled = record.conf.set['rebalance.enabled'] !== false
  const ids = holds.map(nodeLabelOf).join(', ')
  if (command.skipRebalance || !enabled) {
    if (command.action !== 'decommission-node') return false
    return refusal('REFUSED', `the data of ${ids} has not moved: a decommission would lose it`, {
      hint: enabled
        ? 'leave --no-rebalance out'
        : 'enable rebalance first: config cluster rebalance.enabled=true',
    })
  }
  const remaining = Object.values(record.smap.nodes).filter(
    (member) => ownsKeys(member) && !command.nodes.includes(member.id),
  )
  if (remaining.length > 0) return true
  return refusal('REFUSED', `no target would remain to move the data of ${ids} to`, {
    hint:
      command.action === 'decommission-node'
        ? 'add a target first'
        : 'add a target first, or leave the data where it is: --no-rebalance',
  })
}

/** Whether a target may hold objects that are nowhere else. */
export function mayHold(record: Pick<ClusterRecord, 'bmd' | 'own'>, id: NodeId): boolean {
  if (record.bmd.serial === 0) return false
  return record.own.some(({targets, merged = []}) =>
    [targets, ...merged].some((ids) => ids.includes(id)),
  )
}

function withFlags(smap: Smap, members: readonly Member[], alter: (flags: number) => number): Smap {
  const nodes: Record<string, Member> = {...smap.nodes}
  let changed = false
  for (const member of members) {
    const flags = alter(member.flags)
    if (flags === member.flags) continue
    nodes[member.id] = {...member, flags}
    changed = true
  }
  return changed ? {...smap, nodes} : smap
}

/**
 * After a rebalance that all have reported as verified (R27): `own` says where everything is, and
 * the targets that were taken out have nothing that is not elsewhere.
 */
export function afterMove<Parts extends Pick<ClusterRecord, 'smap' | 'own' | 'op' | 'move'>>(
  parts: Parts,
): Parts {
  const newest = parts.own.at(-1)
  if (newest === undefined || parts.move?.entry !== newest.index) return parts
  const moved = Object.values(parts.smap.nodes).filter(
    (member) => member.role === 'target' && (member.flags & NODE_FLAG.maintenance) !== 0,
  )
  const smap = withFlags(parts.smap, moved, (flags) => flags | NODE_FLAG.maintenancePostRebalance)
  const {op} = parts
  const next: Operation | null =
    op === null || op.action === 'start-maintenance' ? null : {...op, phase: 'verified'}
  const own = [{index: newest.index, targets: newest.targets}]
  return {...parts, smap, own, move: null, op: op?.phase === 'moving' ? next : op}
}

/** The operation goes on to the nodes themselves: only from `verified` (R29). */
export function finalized(op: Operation | null): Operation | null {
  return op?.phase === 'verified' ? {...op, phase: 'finalizing'} : op
}

/** The operation without a node that has done what it was told; null when that was the last. */
export function withoutNode(op: Operation | null, id: NodeId): Operation | null {
  if (op === null || op.phase !== 'finalizing' || !op.nodes.includes(id)) return op
  const nodes = op.nodes.filter((one) => one !== id)
  return nodes.length === 0 ? null : {...op, nodes}
}

/** Whether this member has left for good: a decommission has reached it. */
export function isGone(op: Operation | null, member: Member): boolean {
  return (
    op?.action === 'decommission-node' &&
    op.phase === 'finalizing' &&
    op.nodes.includes(member.id) &&
    isLeaving(member)
  )
}
