/**
 * Whether a node may come in, decided by the primary on its newest record. A
 * node with its state and its incarnation is simply back; one without is another voter than it was:
 * it comes as a learner under a new incarnation (R3, R14).
 */

import {refusal, type Refusal} from '../../base/errors.ts'
import {NODE_FLAG, formatEndpoint, nodeLabelOf} from '../../model/node.ts'
import type {Endpoint, Member} from '../../model/node.ts'
import type {JoinRequest} from '../../model/peer-messages.ts'
import type {ClusterRecord} from '../../model/record.ts'
import type {MemberChange} from './changes.ts'

export type JoinVerdict =
  | {readonly type: 'refused'; readonly refusal: Refusal}
  /** A member under its present incarnation; nothing changes. */
  | {readonly type: 'known'}
  | {readonly type: 'change'; readonly change: MemberChange}

/**
 * Judges a join. @param answering whether the member of that id is there, as far as is known
 */
export function judgeJoin(
  record: ClusterRecord,
  request: JoinRequest,
  answering: boolean,
): JoinVerdict {
  const {member} = request
  const refused = whyNotJoin(record, request, answering)
  if (refused !== undefined) return {type: 'refused', refusal: refused}
  const old = record.smap.nodes[member.id]
  if (old === undefined) return admit({...member, inc: member.inc + 1})
  const flags = mergeFlags(old, request)
  if (!request.hasState || member.inc !== old.inc) {
    if (answering) return {type: 'refused', refusal: stillThere(old)}
    const inc = Math.max(old.inc, member.inc) + 1
    const {since} = old
    return admit({...member, inc, flags, ...(since === undefined ? {} : {since})})
  }
  const described = redescribe({...old, flags}, member)
  return sameDescription(old, described)
    ? {type: 'known'}
    : {type: 'change', change: {type: 'describe', member: described}}
}

/**
 * A question from before its admission, late, must not take a member's vote from it; one that has
 * lost its disk since falls silent under its old incarnation, and is let in then.
 */
function stillThere(old: Member): Refusal {
  return refusal('NOT_READY', `${nodeLabelOf(old)} answers as incarnation ${old.inc}; ask again`)
}

function admit(member: Member): JoinVerdict {
  return {type: 'change', change: {type: 'admit', member: {...member, learner: true, away: null}}}
}

function whyNotJoin(
  record: ClusterRecord,
  request: JoinRequest,
  answering: boolean,
): Refusal | undefined {
  const {member, uuid} = request
  const label = nodeLabelOf(member)
  if (uuid !== '' && uuid !== record.uuid) {
    return refusal('WRONG_CLUSTER', `${label} belongs to cluster ${uuid}, this is ${record.uuid}`, {
      hint: 'correct the uuid or the peers in its configuration',
    })
  }
  const [low, high] = member.speaks
  if (record.level < low || record.level > high) {
    return refusal(
      'INCOMPATIBLE',
      `${label} speaks levels ${low} to ${high}, the cluster is at ${record.level}`,
      {hint: 'install the release that the other nodes run'},
    )
  }
  const old = record.smap.nodes[member.id]
  if (old !== undefined && old.role !== member.role) {
    return refusal('DUPLICATE_NODE', `${label}: that id is taken by ${nodeLabelOf(old)}`)
  }
  if (old !== undefined && answering && !sameEndpoint(old.control, member.control)) {
    return refusal(
      'DUPLICATE_NODE',
      `${label}: that id is taken by the node at ${formatEndpoint(old.control)}, which answers`,
      {hint: 'give one of the two another id'},
    )
  }
  return addressTaken(record, member)
}

function addressTaken(record: ClusterRecord, member: Member): Refusal | undefined {
  const own = [member.public, member.control, member.data].map(formatEndpoint)
  for (const other of Object.values(record.smap.nodes)) {
    if (other.id === member.id) continue
    const taken = [other.public, other.control, other.data]
      .map(formatEndpoint)
      .find((address) => own.includes(address))
    if (taken === undefined) continue
    return refusal(
      'DUPLICATE_NODE',
      `${nodeLabelOf(member)}: address ${taken} is that of ${nodeLabelOf(other)}`,
      {hint: 'give it an address of its own'},
    )
  }
  return undefined
}

/**
 * The cluster's flags stand, whatever a node says of itself; an administrator's join sets or clears
 * `nonElectable` of a proxy.
 */
function mergeFlags(old: Member, {by, member}: JoinRequest): number {
  if (by === 'self' || member.role === 'target') return old.flags
  return (old.flags & ~NODE_FLAG.nonElectable) | (member.flags & NODE_FLAG.nonElectable)
}

/** The member as the node itself is configured now; the very same value when nothing differs. */
export function redescribe(
  old: Member,
  self: Pick<Member, 'public' | 'control' | 'data' | 'speaks'>,
): Member {
  const described = {...old, ...addresses(self), speaks: self.speaks}
  return sameDescription(old, described) ? old : described
}

function addresses(
  member: Pick<Member, 'public' | 'control' | 'data'>,
): Pick<Member, 'public' | 'control' | 'data'> {
  return {public: member.public, control: member.control, data: member.data}
}

function sameDescription(a: Member, b: Member): boolean {
  return (
    a.flags === b.flags &&
    a.speaks[0] === b.speaks[0] &&
    a.speaks[1] === b.speaks[1] &&
    sameEndpoint(a.public, b.public) &&
    sameEndpoint(a.control, b.control) &&
    sameEndpoint(a.data, b.data)
  )
}

function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.host === b.host && a.port === b.port
}
