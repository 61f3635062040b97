/**
 * The follower's watch over its primary (R4): looks for it over a new connection when there is
 * reason to, keeps the evidence that it is gone fresh, and tells the next in the order of
 * succession. Whether that is enough to stand or to vote is decided in `core/election`.
 */

import type {NodeId} from '../../model/ids.ts'
import {nodeLabelOf, type Member} from '../../model/node.ts'
import type {NominateRequest, ProbeAnswer} from '../../model/peer-messages.ts'
import {freshEvidence, NO_WATCH, sawGone} from '../election/evidence.ts'
import type {PrimaryWatch} from '../election/patience.ts'
import {succession} from '../placement/next-primary.ts'
import type {NodeState} from './state.ts'
import type {Turn} from './turn.ts'
import {acceptedOf, answer, log, send, update} from './turn.ts'

const LOOK_TIMEOUT_MS = 3000
/** Looks under way at a time: on a slow line one alone would be older than evidence may be. */
const LOOKS_MAX = 4
/** Between two looks; below the age at which evidence stops counting. */
const LOOK_EVERY_MS = 300
/** Beats missed before a follower looks for itself. */
const MISSED_BEATS = 1.5
const NOMINATE_TIMEOUT_MS = 3000

/** The primary that this node has heard last, else the one on record; undefined: itself or none. */
export function primaryOf(node: NodeState): Member | undefined {
  const smap = acceptedOf(node)?.record.smap
  const id = node.followed?.id ?? smap?.primary
  return id === undefined || id === node.facts.self.id ? undefined : smap?.nodes[id]
}

/** What the election goes by. A primary with a majority hears itself. */
export function primaryWatch(node: NodeState): PrimaryWatch {
  const {nowMs, awakeMs, followed, granted, stage, timers, watch} = node
  const leads = stage.stage === 'leading'
  const primary = leads ? undefined : primaryOf(node)
  const heardMs = leads ? stage.majorityAtMs : (followed?.heardMs ?? -Infinity)
  return {
    nowMs,
    quietSinceMs: Math.max(awakeMs, heardMs),
    evidence: primary === undefined ? null : freshEvidence(watch, primary.id, nowMs),
    granted,
    timers,
  }
}

/** Looks, when beats have been missed or evidence is to be kept fresh. */
export function tickWatch(turn: Turn): void {
  const {nowMs, timers, watch} = turn.node
  const {quietSinceMs} = primaryWatch(turn.node)
  const missed = nowMs - quietSinceMs > timers.beatMs * MISSED_BEATS
  if ((missed || watch.evidence !== null) && nowMs >= watch.nextLookMs) look(turn)
}

/** Asks the primary over a new connection whether it is there. */
export function look(turn: Turn): void {
  const {nowMs, watch, durable} = turn.node
  const primary = primaryOf(turn.node)
  if (primary === undefined) return
  const under = Object.values(turn.node.sends).filter(({type}) => type === 'watch').length
  if (under >= LOOKS_MAX) return
  update(turn, {watch: {...watch, nextLookMs: nowMs + LOOK_EVERY_MS}})
  send(turn, primary, {
    request: {type: 'probe', uuid: durable.uuid},
    timeoutMs: LOOK_TIMEOUT_MS,
    purpose: {type: 'watch', id: primary.id},
    fresh: true,
  })
}

/** A connection of a member has ended: if it was the primary's, that is a reason to look. */
export function onConnectionLost(turn: Turn, from: NodeId): void {
  if (isWatching(turn.node, from)) look(turn)
}

/** The primary answered: it leads, or it says that it does so no more. */
export function onWatchAnswered(turn: Turn, id: NodeId, found: ProbeAnswer): void {
  if (!isWatching(turn.node, id)) return
  const epoch = turn.node.followed?.epoch ?? acceptedOf(turn.node)?.record.epoch ?? 0
  if (found.leads < epoch) return seenGone(turn, id, 'it answers that it leads no more')
  if (turn.node.watch.evidence === null) return
  log(turn, 'info', `p[${id}] answers after all`)
  update(turn, {watch: NO_WATCH})
}

/** Nobody answered there. Only a refusal is evidence: a lost packet looks like silence. */
export function onWatchSilent(turn: Turn, id: NodeId, reason: string): void {
  if (reason !== 'refused' && reason !== 'reset') return
  if (isWatching(turn.node, id)) seenGone(turn, id, `a new connection to it was ${reason}`)
}

/** The primary itself asks for a vote: whatever comes of it, its reign is over. */
export function onPrimaryStands(turn: Turn, id: NodeId): void {
  if (isWatching(turn.node, id)) seenGone(turn, id, 'it stands for a new epoch')
}

/** Whether this node goes by that primary: an answer may come when it has long been another. */
function isWatching(node: NodeState, id: NodeId): boolean {
  const {stage} = node.stage
  return stage !== 'leading' && stage !== 'founding' && primaryOf(node)?.id === id
}

function seenGone(turn: Turn, id: NodeId, why: string): void {
  const {nowMs, watch} = turn.node
  const first = watch.evidence?.id !== id
  update(turn, {watch: sawGone(watch, id, nowMs)})
  if (!first) return
  log(turn, 'warn', `primary p[${id}] is gone: ${why}`, {id})
  nominate(turn)
}

/** Tells the first in the order of succession that has not been told yet. */
function nominate(turn: Turn): void {
  const {watch, followed} = turn.node
  const record = acceptedOf(turn.node)?.record
  const gone = watch.evidence?.id
  if (record === undefined || gone === undefined) return
  const next = succession(record.smap).find((id) => id !== gone && !watch.nominated.includes(id))
  const member = next === undefined ? undefined : record.smap.nodes[next]
  if (member === undefined || member.id === turn.node.facts.self.id) return
  update(turn, {watch: {...watch, nominated: [...watch.nominated, member.id]}})
  send(turn, member, {
    request: {
      type: 'nominate',
      uuid: record.uuid,
      epoch: followed?.epoch ?? record.epoch,
      primary: gone,
    },
    timeoutMs: NOMINATE_TIMEOUT_MS,
    purpose: {type: 'nominate', id: member.id},
  })
}

/** The one that was told does not answer, or may not stand: the one after it is told. */
export function onNominated(turn: Turn, noted: boolean): void {
  if (!noted && turn.node.watch.evidence !== null) nominate(turn)
}

/** Told that the primary seems to be gone: looks for itself. */
export function onNominateAsked(turn: Turn, askId: number, request: NominateRequest): void {
  const {node} = turn
  const primary = primaryOf(node)
  const noted =
    request.uuid === node.durable.uuid &&
    primary !== undefined &&
    primary.id === request.primary &&
    request.epoch >= (node.followed?.epoch ?? 0) &&
    (node.stage.stage === 'following' ||
      node.stage.stage === 'seeking' ||
      node.stage.stage === 'standing')
  answer(turn, askId, {type: 'nominate', noted})
  if (!noted || freshEvidence(node.watch, request.primary, node.nowMs) !== null) return
  log(turn, 'info', `told that ${nodeLabelOf(primary)} seems to be gone; looking`)
  look(turn)
}
