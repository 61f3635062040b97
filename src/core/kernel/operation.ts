/**
 * An operation on its way (R28): the primary carries it from phase to phase by what the nodes
 * report; a node that is named does its part when the record says so, and not before.
 */

import {participantsOf} from '../../model/forgotten.ts'
import type {NodeId} from '../../model/ids.ts'
import type {MoveReport} from '../../model/peer-messages.ts'
import {comparePositions, type ClusterRecord} from '../../model/record.ts'
import {sweptEntry} from '../objects/reclaim.ts'
import {clearedUpTo} from '../metasync/destroyed.ts'
import type {Peer} from '../keepalive/state.ts'
import {enqueue, isQueued} from './lead.ts'
import type {Change} from './state.ts'
import {announceStop, onStopOrdered} from './stop.ts'
import type {Turn} from './turn.ts'
import {acceptedOf, emit, log, update} from './turn.ts'

/** The primary: looks whether the operation, or the rebalance, can go on. */
export function reviewOperation(turn: Turn): void {
  const {stage} = turn.node
  const record = acceptedOf(turn.node)?.record
  if (stage.stage !== 'leading' || !stage.confirmed || record === undefined) return
  const {op} = record
  reviewMovement(turn, record, stage.peers)
  reviewDestroyed(turn, record, stage.peers)
  if (op?.phase === 'verified') order(turn, {type: 'finalize'})
  if (op?.phase !== 'finalizing' || op.action !== 'shutdown-node') return
  for (const id of op.nodes) {
    const absent = record.smap.nodes[id]?.away !== null
    if (absent || isSilent(turn, stage.peers[id])) order(turn, {type: 'left', id, gone: false})
  }
}

/** All has moved (R27); or nothing is left behind of it (R24). */
function reviewMovement(
  turn: Turn,
  record: ClusterRecord,
  peers: Readonly<Record<string, Peer>>,
): void {
  const {move} = record
  const isMoved = (id: NodeId): boolean => isClean(record, peers[id]?.move)
  if (move !== null && participantsOf(record).every(isMoved)) {
    order(turn, {type: 'moved', entry: move.entry})
  }
  const swept = sweptEntry(record, (id) => peers[id]?.reclaim)
  if (swept !== undefined) order(turn, {type: 'swept', entry: swept.index})
}

/** Marks of destroyed buckets go when no target has anything left of them (R32). */
function reviewDestroyed(
  turn: Turn,
  record: ClusterRecord,
  peers: Readonly<Record<string, Peer>>,
): void {
  const upTo = clearedUpTo(record, (id) => peers[id]?.cleared)
  if (upTo !== undefined) order(turn, {type: 'cleared', upTo})
}

/** It has not been heard for as long as an absence may last: it has ended, ordered or not. */
function isSilent({node}: Turn, peer: Peer | undefined): boolean {
  return peer !== undefined && node.nowMs - peer.answeredMs >= node.timers.absentGraceMs
}

function isClean(record: ClusterRecord, report: MoveReport | null | undefined): boolean {
  return (
    report?.state === 'clean' &&
    report.rebalance === record.rmd.version &&
    report.entry === record.move?.entry
  )
}

function order(turn: Turn, change: Change): void {
  const {stage} = turn.node
  if (stage.stage === 'leading' && !isQueued(stage, change)) {
    enqueue(turn, {change, asks: []})
  }
}

/** A target: what it reports goes with the next answers to beats. */
export function onMoveReported(turn: Turn, report: MoveReport): void {
  update(turn, {move: report})
}

/** The same of what it removes. */
export function onReclaimReported(turn: Turn, report: MoveReport): void {
  update(turn, {reclaim: report})
}

/** A target: destroyed buckets have been cleared away up to this record. */
export function onClearedReported(turn: Turn, upTo: number): void {
  update(turn, {cleared: upTo})
}

/** A node that a committed operation names does its part, once. */
export function takePart(turn: Turn): void {
  const {node} = turn
  const committed = node.onDisk.committed?.record
  const {op} = committed ?? {op: null}
  const {id} = node.facts.self
  if (committed === undefined || op?.phase !== 'finalizing' || !op.nodes.includes(id)) return
  // A restarted node may hold an old order: the primary's word says whether it is the newest.
  const {stage, followed} = node
  const newest = followed !== null && comparePositions(followed.committed, committed) === 0
  if (stage.stage !== 'following' || !newest) return
  if (op.action === 'shutdown-node') {
    if (node.stop !== null) return
    log(turn, 'info', `shutting down as ordered (${op.id})`, {op: op.id})
    return onStopOrdered(turn)
  }
  if (op.action !== 'decommission-node' || node.leaving !== 'no') return
  log(turn, 'warn', `decommissioned (${op.id})${op.rmUserData ? ': wiping the data' : ''}`)
  update(turn, {leaving: 'wiping'})
  const {rmUserData, keepInitialConfig} = op
  emit(turn, {type: 'decommission', op: op.id, rmUserData, keepInitialConfig})
}

/** What belonged to the cluster is gone from here: said to the primary, then the process ends. */
export function onDecommissioned(turn: Turn): void {
  update(turn, {leaving: 'wiped'})
  onStopOrdered(turn)
  announceStop(turn)
}
