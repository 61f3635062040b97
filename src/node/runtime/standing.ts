/**
 * What this node has promised and accepted, and whom it follows: what no view tells, for an
 * operator who has lost a majority. Read from the kernel's state, decided nowhere.
 */

import type {KernelState, NodeState} from '../../core/kernel/state.ts'
import {endpointUrl, isElectable, isVoter, type Member} from '../../model/node.ts'
import type {StoredRecord} from '../../model/peer-messages.ts'
import type {RecordMark, RecoveryAnswer, RecoveryMember} from '../../wire/recovery.ts'

/** The part of the answer that the kernel knows. */
export type Standing = Omit<RecoveryAnswer, 'id' | 'role' | 'objects' | 'bytes'>

export function standingOf(state: KernelState, nowMs: number): Standing {
  if (state.phase === 'idle') return BEFORE_START
  const {durable, onDisk, view, stage} = state
  const nodes = Object.values(onDisk.accepted?.record.smap.nodes ?? {})
  return {
    uuid: durable.uuid,
    inc: durable.inc,
    promisedEpoch: onDisk.promisedEpoch,
    accepted: markOf(onDisk.accepted),
    committed: markOf(onDisk.committed),
    primary: primaryOf(state, nowMs),
    leads: stage.stage === 'leading' && view.leading ? stage.epoch : 0,
    members: nodes.map(memberOf),
  }
}

const BEFORE_START: Standing = {
  uuid: '',
  inc: 0,
  promisedEpoch: 0,
  accepted: null,
  committed: null,
  primary: null,
  leads: 0,
  members: [],
}

function markOf(stored: StoredRecord | null): RecordMark | null {
  if (stored === null) return null
  const {record, sha} = stored
  return {epoch: record.epoch, index: record.index, sha}
}

function primaryOf({view, followed, facts}: NodeState, nowMs: number): Standing['primary'] {
  const {id, live} = view.primary
  if (id === null) return null
  const heard = followed?.id === id ? Math.max(0, Math.round(nowMs - followed.heardMs)) : null
  return {id, live, silentMs: id === facts.self.id && live ? 0 : heard}
}

function memberOf(member: Member): RecoveryMember {
  return {
    id: member.id,
    role: member.role,
    inc: member.inc,
    public: endpointUrl(member.public),
    control: endpointUrl(member.control),
    voter: isVoter(member),
    electable: isElectable(member),
    away: member.away?.kind ?? null,
  }
}
