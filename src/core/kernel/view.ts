/**
 * What the node's workers and clients may know: the committed record on disk, and what is allowed
 * under it.
 */

import {PRIMARY_UNKNOWN, type ClusterView, type PrimaryView} from '../../model/cluster-view.ts'
import type {StoredRecord} from '../../model/peer-messages.ts'
import {votersOf} from '../../model/quorum.ts'
import {POSITION_NONE, type RecordPosition} from '../../model/record.ts'
import type {BootFacts} from './events.ts'
import type {NodeState} from './state.ts'
import type {Turn} from './turn.ts'
import {emit, update} from './turn.ts'

/** Views whose holding may still be reported: workers answer within milliseconds. */
const PUBLISHED_KEPT = 16

/** Where a record stands; before every record without one. */
export function positionOf(stored: StoredRecord | null): RecordPosition {
  if (stored === null) return POSITION_NONE
  return {epoch: stored.record.epoch, index: stored.record.index}
}

/** Before anything is known. */
export function emptyView(facts: BootFacts, wallMs: number): ClusterView {
  return {
    self: {id: facts.self.id, role: facts.self.role, inc: 0},
    record: null,
    leading: false,
    primary: {...PRIMARY_UNKNOWN, silentSinceMs: wallMs},
    settledIndex: 0,
    nodeStarted: false,
    clusterStarted: false,
    stopping: false,
  }
}

/** Publishes the view when it is another one than before. The last thing in every step. */
export function publishView(turn: Turn): void {
  const {node} = turn
  const old = node.view
  const view = viewOf(node)
  if (isSameView(old, view)) return
  const position = positionOf(node.onDisk.committed)
  const published =
    old.record === view.record
      ? node.published
      : [...node.published, position].slice(-PUBLISHED_KEPT)
  update(turn, {view, published})
  emit(turn, {type: 'publish', view})
}

function viewOf(node: NodeState): ClusterView {
  const {stage, view, onDisk} = node
  const self = view.self.inc === onDisk.inc ? view.self : {...view.self, inc: onDisk.inc}
  return {
    self,
    record: onDisk.committed?.record ?? null,
    leading: isCommitting(node),
    primary: primaryView(node),
    settledIndex:
      stage.stage === 'leading' ? stage.settledIndex : (node.followed?.settledIndex ?? 0),
    nodeStarted: view.nodeStarted || isStarted(node),
    clusterStarted: node.clusterStarted,
    stopping: node.stop !== null,
  }
}

function primaryView(node: NodeState): PrimaryView {
  const old = node.view.primary
  const live = node.stage.stage === 'leading' ? isCommitting(node) : isFollowingLive(node)
  const id = node.stage.stage === 'leading' ? node.facts.self.id : (node.followed?.id ?? null)
  const waiting = live ? '' : waitingFor(node)
  const since = old.live ? node.wallMs - quietMs(node) : old.silentSinceMs
  const silentSinceMs = live ? 0 : Math.floor(since)
  const same =
    old.id === id &&
    old.live === live &&
    old.silentSinceMs === silentSinceMs &&
    old.waiting === waiting
  return same ? old : {id, live, silentSinceMs, waiting}
}

/** How long ago the primary was seen to be gone, or else heard last. */
function quietMs({followed, nowMs, stage, watch}: NodeState): number {
  if (stage.stage === 'leading') return nowMs - stage.majorityAtMs
  return nowMs - (watch.evidence?.sinceMs ?? followed?.heardMs ?? nowMs)
}

function isFollowingLive({followed, nowMs, timers, watch}: NodeState): boolean {
  if (followed === null || watch.evidence !== null) return false
  return nowMs - followed.heardMs <= timers.electMs
}

/** What a node does that has no primary, in a sentence. */
function waitingFor({stage}: NodeState): string {
  switch (stage.stage) {
    case 'standing': {
      const {election} = stage
      if (election.phase === 'storing') return `stands for epoch ${election.epoch}`
      const said = Object.keys(election.grants).length
      const of = votersOf(election.own.accepted.record.smap).length
      const asks = election.phase === 'pre-voting' ? 'asks whether to stand for' : 'stands for'
      return `${asks} epoch ${election.epoch}: ${said} of ${of} voters say yes so far`
    }
    case 'leading':
      return 'no majority of the voters answers'
    case 'founding':
      return 'waits for a majority of the configured nodes to form the cluster'
    case 'following':
      return 'the primary is silent or gone; looks whether it is there'
    default:
      return 'looks for a primary'
  }
}

function isSameView(a: ClusterView, b: ClusterView): boolean {
  return (
    a.record === b.record &&
    a.self === b.self &&
    a.leading === b.leading &&
    a.primary === b.primary &&
    a.settledIndex === b.settledIndex &&
    a.nodeStarted === b.nodeStarted &&
    a.clusterStarted === b.clusterStarted &&
    a.stopping === b.stopping
  )
}

/** Every worker holds the view of this index. True: the newest commit known is in use now. */
export function onViewHeld(turn: Turn, index: number): boolean {
  const position = turn.node.published.findLast((one) => one.index === index)
  if (position === undefined || position.index <= turn.node.held.index) return false
  update(turn, {held: position})
  return position.index === (turn.node.durable.committed?.record.index ?? 0)
}

/**
 * Whether this node is a primary that may commit: confirmed in its epoch, with a majority (R10).
 */
export function isCommitting(node: NodeState): boolean {
  const {stage} = node
  return (
    stage.stage === 'leading' &&
    stage.confirmed &&
    node.nowMs - stage.majorityAtMs <= node.timers.leaseMs
  )
}

/** AIStore's NodeStarted: a member in good standing has found its primary, or is it. */
function isStarted(node: NodeState): boolean {
  const member = node.onDisk.committed?.record.smap.nodes[node.facts.self.id]
  if (member === undefined || member.learner || member.inc !== node.onDisk.inc) return false
  return node.stage.stage === 'following' || isCommitting(node)
}
