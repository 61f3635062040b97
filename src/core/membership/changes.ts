/**
 * Changes of the cluster map as data, and what each does to it. Applied by the primary only,
 * several to one draft; one that has nothing left to do gives the very same map back.
 */

import {refusal, type Refusal} from '../../base/errors.ts'
import type {NodeId} from '../../model/ids.ts'
import {MEMBERS_MAX} from '../../model/limits.ts'
import type {Member} from '../../model/node.ts'
import {isVoter, NODE_FLAG, nodeLabelOf} from '../../model/node.ts'
import type {Smap} from '../../model/record.ts'
import {votersOf} from '../../model/quorum.ts'

export type MemberChange =
  /** A new node, or a wiped one under a new incarnation (R14). */
  | {readonly type: 'admit'; readonly member: Member}
  /** A member at other addresses, of another release, or with another `nonElectable`. */
  | {readonly type: 'describe'; readonly member: Member}
  | {readonly type: 'promote'; readonly id: NodeId; readonly inc: number}
  | {readonly type: 'mark-absent'; readonly id: NodeId; readonly sinceMs: number}
  | {readonly type: 'mark-lost'; readonly id: NodeId; readonly sinceMs: number}
  | {readonly type: 'mark-active'; readonly id: NodeId}

/** The map after a change, or why it may not be. @param index of the record that is drafted */
export function applyMemberChange(smap: Smap, change: MemberChange, index: number): Smap | Refusal {
  switch (change.type) {
    case 'admit':
      return admit(smap, change.member, index)
    case 'describe':
      return withMember(smap, change.member.id, (old) =>
        old.inc === change.member.inc ? {...change.member, away: old.away} : old,
      )
    case 'promote':
      return withMember(smap, change.id, (old) =>
        old.inc === change.inc && old.learner ? {...old, learner: false} : old,
      )
    case 'mark-absent':
      return withMember(smap, change.id, (old) =>
        old.away === null ? {...old, away: {kind: 'absent', sinceMs: change.sinceMs}} : old,
      )
    case 'mark-lost':
      return withMember(smap, change.id, (old) =>
        old.away?.kind === 'lost' ? old : {...old, away: {kind: 'lost', sinceMs: change.sinceMs}},
      )
    default:
      return withMember(smap, change.id, (old) => (old.away === null ? old : {...old, away: null}))
  }
}

function admit(smap: Smap, asking: Member, index: number): Smap | Refusal {
  const old = smap.nodes[asking.id]
  const member = old === undefined ? newcomer(smap, asking, index) : asking
  if (old === undefined && Object.keys(smap.nodes).length >= MEMBERS_MAX) {
    return refusal('REFUSED', `the cluster has ${MEMBERS_MAX} members, and may have no more`)
  }
  const nodes = {...smap.nodes, [member.id]: member}
  const after = {...smap, nodes}
  if (votersOf(after).length === 0 || member.id === smap.primary) {
    return refusal('REFUSED', `${nodeLabelOf(member)}: the primary cannot be admitted anew`)
  }
  return after
}

/**
 * Who was no member may have been one before, and may have forgotten it: it gets an incarnation
 * that nobody had who has left.
 */
function newcomer({removedInc = 0}: Smap, member: Member, index: number): Member {
  return {...member, inc: Math.max(member.inc, removedInc + 1), since: index}
}

/** The map without members that leave for good. */
export function withoutMembers(smap: Smap, ids: readonly NodeId[]): Smap {
  const all = Object.entries(smap.nodes)
  const leaving = all.filter(([, {id}]) => ids.includes(id))
  const removedInc = Math.max(smap.removedInc ?? 0, ...leaving.map(([, {inc}]) => inc))
  const nodes = Object.fromEntries(all.filter(([, {id}]) => !ids.includes(id)))
  return {...smap, nodes, removedInc}
}

function withMember(smap: Smap, id: NodeId, alter: (old: Member) => Member): Smap {
  const old = smap.nodes[id]
  if (old === undefined) return smap
  const member = alter(old)
  return member === old ? smap : {...smap, nodes: {...smap.nodes, [id]: member}}
}

/** The flags that a node may ask for itself; all others are the cluster's. */
export function ownFlags(nonElectable: boolean): number {
  return nonElectable ? NODE_FLAG.nonElectable : 0
}

/** The map under which these are all the voters (R17); the others stay, as learners that are lost. */
export function withoutGivenUp(smap: Smap, survivors: readonly NodeId[], sinceMs: number): Smap {
  const nodes = Object.fromEntries(
    Object.entries(smap.nodes).map(([id, member]) => [
      id,
      isVoter(member) && !survivors.includes(member.id)
        ? {...member, learner: true, away: {kind: 'lost' as const, sinceMs}}
        : member,
    ]),
  )
  return {...smap, nodes}
}
