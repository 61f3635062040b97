/** What one queued change makes of the parts of the record that is drafted. */

import type {Refusal} from '../../base/errors.ts'
import type {Bucket} from '../../model/bucket.ts'
import type {LeaseCommand} from '../../model/command.ts'
import {isRefusal, type NodeId} from '../../model/ids.ts'
import type {ClusterRecord, Moves} from '../../model/record.ts'
import {stopMove, whyNoMove} from '../membership/busy.ts'
import {whyLeased, withLease, withoutLease} from '../membership/operator-lease.ts'
import {applyMemberChange, withoutMembers} from '../membership/changes.ts'
import {withoutRemoved} from '../membership/forgotten.ts'
import {afterMove, applyLifecycle, finalized, isGone, withoutNode} from '../membership/lifecycle.ts'
import {withoutCleared} from '../metasync/destroyed.ts'
import {applyCommand} from '../metasync/metadata.ts'
import {withSwept} from '../objects/reclaim.ts'
import type {Change, Queued, RecordCommand} from './state.ts'

/** What only one operator at a time may order. */
const LEASED: readonly RecordCommand['type'][] = [
  'lifecycle',
  'remove-from-smap',
  'start-rebalance',
  'stop-rebalance',
]

/** The parts after one change. */
export interface Applied {
  readonly parts: ClusterRecord
  readonly bucket: Bucket | null
  readonly moves?: Moves
}

/** What one change makes of the parts. @param index of the record that is drafted */
export function applyChange(
  parts: ClusterRecord,
  {change}: Queued,
  index: number,
): Applied | Refusal {
  switch (change.type) {
    case 'command':
      return applyRecordCommand(parts, change, index)
    case 'hand-over':
      return {parts: {...parts, heir: change.heir}, bucket: null}
    case 'moved': {
      const entry = parts.move?.entry
      return {parts: entry === change.entry ? afterMove(parts) : parts, bucket: null}
    }
    case 'swept':
      return {parts: withSwept(parts, change.entry), bucket: null}
    case 'cleared': {
      const bmd = withoutCleared(parts.bmd, change.upTo)
      return {parts: bmd === parts.bmd ? parts : {...parts, bmd}, bucket: null}
    }
    case 'finalize': {
      const op = finalized(parts.op)
      return {parts: op === parts.op ? parts : {...parts, op}, bucket: null}
    }
    case 'left':
      return {parts: afterLeft(parts, change), bucket: null}
    default: {
      const smap = applyMemberChange(parts.smap, change, index)
      if (isRefusal(smap)) return smap
      return {parts: smap === parts.smap ? parts : {...parts, smap}, bucket: null}
    }
  }
}

type CommandChange = Extract<Change, {type: 'command'}>

function applyRecordCommand(
  parts: ClusterRecord,
  change: CommandChange,
  index: number,
): Applied | Refusal {
  const {command, wallMs} = change
  if (command.type === 'take-lease') {
    const leased = withLease(parts, command, wallMs)
    return isRefusal(leased) ? leased : {parts: leased, bucket: null}
  }
  if (command.type === 'release-lease') {
    return {parts: withoutLease(parts, command.run), bucket: null}
  }
  const run = 'run' in command ? command.run : undefined
  const leased = LEASED.includes(command.type) ? whyLeased(parts, run, wallMs) : undefined
  return leased ?? applyOrder(parts, command, {...change, index})
}

function applyOrder(
  parts: ClusterRecord,
  command: Exclude<RecordCommand, LeaseCommand>,
  {wallMs, settledIndex, index}: CommandChange & {readonly index: number},
): Applied | Refusal {
  if (command.type === 'lifecycle') {
    const taken = applyLifecycle(parts, command, index)
    if (isRefusal(taken)) return taken
    const {smap, op, moves} = taken
    const same = smap === parts.smap && op === parts.op
    return {parts: same ? parts : {...parts, smap, op}, bucket: null, moves}
  }
  if (command.type === 'remove-from-smap') {
    const left = withoutRemoved(parts, command.nodes, settledIndex)
    return isRefusal(left) ? left : {parts: left, bucket: null}
  }
  if (command.type === 'start-rebalance') {
    return whyNoMove(parts) ?? {parts, bucket: null, moves: 'yes'}
  }
  if (command.type === 'stop-rebalance') {
    const stopped = stopMove(parts, command)
    return isRefusal(stopped) ? stopped : {parts: stopped, bucket: null}
  }
  const applied = applyCommand(parts, command, {index, wallMs})
  if (isRefusal(applied)) return applied
  const {bmd, conf, bucket} = applied
  return {parts: {...parts, bmd, conf}, bucket: bucket ?? null}
}

/** A node has left, as it was told; one that is gone is a member no more. */
function afterLeft(
  parts: ClusterRecord,
  {id, gone}: {readonly id: NodeId; readonly gone: boolean},
): ClusterRecord {
  const member = parts.smap.nodes[id]
  if (member === undefined) return parts
  const op = withoutNode(parts.op, id)
  if (!gone || !isGone(parts.op, member)) return op === parts.op ? parts : {...parts, op}
  return {...parts, op, smap: withoutMembers(parts.smap, [id])}
}
