/**
 * The primary's dealings with its record: takes office, drafts what is queued, carries out what
 * `core/metasync` orders, answers after the commit.
 */

import {canonicalJson} from '../../base/canonical-json.ts'
import type {NodeId} from '../../model/ids.ts'
import type {Endpoint} from '../../model/node.ts'
import {nodeLabelOf} from '../../model/node.ts'
import type {StoredRecord} from '../../model/peer-messages.ts'
import {votersOf} from '../../model/quorum.ts'
import type {ClusterRecord, RecordPosition, Smap} from '../../model/record.ts'
import {inheritance} from '../election/inheritance.ts'
import type {ElectionOrder} from '../election/events.ts'
import {FORCED_INDEX_LEAP} from '../election/state.ts'
import {newPeer} from '../keepalive/state.ts'
import type {Peer} from '../keepalive/state.ts'
import {withoutGivenUp} from '../membership/changes.ts'
import {FOUNDING_EPOCH} from '../membership/founding.ts'
import {nextRecord} from '../metasync/next-record.ts'
import type {MetasyncEvent, MetasyncOrder} from '../metasync/events.ts'
import {METASYNC_IDLE} from '../metasync/state.ts'
import {stepMetasync} from '../metasync/step.ts'
import {withUrls} from '../metasync/urls.ts'
import {withMovement} from '../ownership/movement.ts'
import {nextOwn} from '../ownership/own.ts'
import {sendDueBeats, sendPrepare, settle, weighMajority} from './beats.ts'
import {draftFrom} from './draft.ts'
import {withElection} from './elections.ts'
import {answerAsks, refuseChange} from './outcome.ts'
import type {LeadingStage, NodeState, UnderWay} from './state.ts'
import type {Turn} from './turn.ts'
import {acceptedOf, enter, log, persist, selfVoter, update} from './turn.ts'
import {isCommitting, positionOf} from './view.ts'

/** Takes office: the adopted record, whole, again in the own epoch, before anything else (R6). */
export function lead(turn: Turn, won: Extract<ElectionOrder, {type: 'elected'}>): void {
  const {adopt, epoch, known, votes} = won
  const {stage} = turn.node
  if (stage.stage !== 'standing') return
  const {forced} = stage.election
  const smap = ownMap(turn, adopt.record, forced)
  const elections = withElection(turn.node, stage, won)
  const startWaiters = stage.forced === null ? [] : [stage.forced.askId]
  takeOffice(turn, {epoch, record: adopt.record, awaited: [], startWaiters})
  const pv = known || forced !== null ? null : adopt.record.pv
  const conf = withUrls(adopt.record.conf, smap)
  const draft = {...adopt.record, smap, conf, pv, heir: null, elections}
  const index = adopt.record.index + (forced === null ? 1 : FORCED_INDEX_LEAP)
  const own = nextOwn(draft, index)
  const next = withMovement({...draft, own}, adopt.record, 'with-owners')
  propose(turn, nextRecord(adopt, next, epoch, index))
  const voters = votersOf(adopt.record.smap).length
  const tookMs = Math.round(turn.node.nowMs - stage.beganMs)
  const from = `${adopt.record.epoch}.${adopt.record.index}`
  log(
    turn,
    'info',
    `this node is the primary of epoch ${epoch}: ${votes} of ${voters} votes, after ${tookMs} ms; ` +
      `it goes on from record ${from}`,
    {epoch, votes, reason: stage.reason, tookMs},
  )
}

/**
 * The adopted map with this node as its primary, which is not away, whatever an earlier one has
 * recorded. Voters stay as they are, unless an operator has given some of them up (R17).
 */
function ownMap({node}: Turn, {smap}: ClusterRecord, survivors: readonly NodeId[] | null): Smap {
  const adopted = survivors === null ? smap : withoutGivenUp(smap, survivors, node.wallMs)
  const {id} = node.facts.self
  const self = adopted.nodes[id]
  const nodes = self === undefined ? adopted.nodes : {...adopted.nodes, [id]: {...self, away: null}}
  return {...adopted, primary: id, nodes}
}

/** Takes office with the first record of a new cluster. */
export function foundingReign(
  turn: Turn,
  record: ClusterRecord,
  awaited: readonly Endpoint[],
): void {
  const {self} = turn.node.facts
  const inc = record.smap.nodes[self.id]?.inc ?? 0
  update(turn, {durable: {...turn.node.durable, uuid: record.uuid, inc}})
  takeOffice(turn, {epoch: FOUNDING_EPOCH, record, awaited, startWaiters: []})
  propose(turn, record)
  log(turn, 'info', `forming cluster ${record.uuid}`, {uuid: record.uuid})
}

interface Office {
  readonly epoch: number
  /** The record that was adopted, or the first one. */
  readonly record: ClusterRecord
  readonly awaited: readonly Endpoint[]
  /** Who hears when the cluster has started under this primary. */
  readonly startWaiters: readonly number[]
}

function takeOffice(turn: Turn, {epoch, record, awaited, startWaiters}: Office): void {
  const {node} = turn
  enter(turn, {
    stage: 'leading',
    epoch,
    self: selfVoter(node),
    electedAtMs: node.nowMs,
    metasync: METASYNC_IDLE,
    confirmed: false,
    peers: {},
    queue: [],
    underWay: [],
    spreading: [],
    // What was settled once stays settled, whoever leads.
    settledIndex: node.followed?.settledIndex ?? 0,
    majorityAtMs: node.nowMs,
    awaited,
    started: false,
    startWaiters,
    invitations: [],
    handing: null,
    // Who was marked lost by an earlier reign may have been so a moment ago (R13).
    lastTargetLostMs: hasLostTarget(record) ? node.nowMs : -Infinity,
    brakeSaidAtMs: -Infinity,
  })
}

function hasLostTarget(record: ClusterRecord): boolean {
  return Object.values(record.smap.nodes).some(
    (member) => member.role === 'target' && member.away?.kind === 'lost',
  )
}

/** Puts a record on its way. */
function propose(turn: Turn, record: ClusterRecord, text = canonicalJson(record)): void {
  stepProposer(turn, {type: 'proposed', proposal: {record, text, sha: ''}})
}

/** Gives metasync an event and does what it orders. */
export function stepProposer(turn: Turn, event: MetasyncEvent): void {
  const {stage} = turn.node
  if (stage.stage !== 'leading') return
  const {metasync, orders} = stepMetasync(stage.metasync, event)
  if (metasync !== stage.metasync) enter(turn, {...stage, metasync})
  for (const order of orders) carryOut(turn, order)
}

function carryOut(turn: Turn, order: MetasyncOrder): void {
  switch (order.type) {
    case 'store':
      persist(turn, {accepted: order.proposal, ...inheritance(turn.node.durable, order.proposal)}, [
        {type: 'proposal-stored', position: positionOf(order.proposal)},
      ])
      return
    case 'prepare':
      return prepareAll(turn)
    case 'seal':
      persist(turn, {committed: order.proposal}, [
        {type: 'commit-sealed', position: positionOf(order.proposal)},
      ])
      return
    default:
      return onCommitted(turn, order.proposal)
  }
}

/** The own copy of a proposal is on disk, its hash known. */
export function onProposalStored(turn: Turn, position: RecordPosition): void {
  const {stage} = turn.node
  const proposal = acceptedOf(turn.node)
  if (stage.stage !== 'leading' || stage.epoch !== position.epoch || proposal === null) return
  syncPeers(turn, proposal.record)
  stepProposer(turn, {type: 'stored', proposal, self: stage.self})
}

/** Keeps one peer per other member, and forgets what it knew of another incarnation. */
function syncPeers(turn: Turn, record: ClusterRecord): void {
  const {stage, nowMs} = turn.node
  if (stage.stage !== 'leading') return
  const peers: Record<string, Peer> = {}
  for (const member of Object.values(record.smap.nodes)) {
    if (member.id === stage.self.id) continue
    const old = stage.peers[member.id]
    const same = old !== undefined && (old.heard === null || old.heard.inc === member.inc)
    peers[member.id] = same ? old : newPeer(member.id, nowMs)
  }
  enter(turn, {...stage, peers})
}

function prepareAll(turn: Turn): void {
  const record = acceptedOf(turn.node)?.record
  const {stage} = turn.node
  if (record === undefined || stage.stage !== 'leading') return
  for (const id of Object.keys(stage.peers)) {
    const member = record.smap.nodes[id]
    if (member !== undefined && member.away === null) sendPrepare(turn, member)
  }
}

function onCommitted(turn: Turn, committed: StoredRecord): void {
  const {stage, nowMs} = turn.node
  if (stage.stage !== 'leading') return
  const {underWay} = stage
  const peers = Object.fromEntries(
    Object.entries(stage.peers).map(([id, peer]) => [id, {...peer, beatDueMs: nowMs}]),
  )
  enter(turn, {...stage, peers, confirmed: true, underWay: []})
  noteLost(turn, underWay, committed.record)
  for (const item of underWay) answerAsks(turn, item, committed)
  weighMajority(turn)
  settle(turn)
  weighStart(turn)
  sendDueBeats(turn)
  proposeQueued(turn)
}

/**
 * ClusterStarted: at once after a restart; a founding cluster waits until the configured nodes are
 * in, as long as `startup_time` at most.
 */
export function weighStart(turn: Turn): void {
  const {stage, nowMs, timers} = turn.node
  if (stage.stage !== 'leading' || stage.started || !stage.confirmed) return
  const nodes = Object.values(acceptedCommitted(turn.node)?.smap.nodes ?? {})
  const waited = nowMs - stage.electedAtMs >= timers.startupMs
  const missing = stage.awaited.filter(
    (place) =>
      !nodes.some(
        ({control, learner}) =>
          !learner && control.host === place.host && control.port === place.port,
      ),
  )
  if (missing.length > 0 && !waited) return
  enter(turn, {...stage, started: true, startWaiters: []})
  if (!turn.node.clusterStarted) {
    log(turn, 'info', `cluster started with ${nodes.length} nodes`, {nodes: nodes.length})
  }
  update(turn, {clusterStarted: true})
  const position = positionOf(turn.node.durable.committed)
  for (const askId of stage.startWaiters) {
    turn.effects.push({type: 'reply', askId, result: {type: 'done', position}})
  }
}

function acceptedCommitted(node: NodeState): ClusterRecord | null {
  return node.durable.committed?.record ?? null
}

/** Proposes what is queued, when nothing is under way and a majority is there (R8, R10). */
export function proposeQueued(turn: Turn): void {
  const {stage} = turn.node
  if (!isCommitting(turn.node) || stage.stage !== 'leading' || stage.metasync.phase !== 'idle')
    return
  const before = acceptedOf(turn.node)
  if (before === null || (stage.queue.length === 0 && before.record.pv === null)) return
  // The record that hands the office over is the last one of its epoch (R16).
  if (before.record.heir !== null && before.record.epoch === stage.epoch) return
  const seen = {wallMs: turn.node.wallMs, peers: stage.peers}
  const draft = draftFrom(before, stage.queue, stage.epoch, seen)
  enter(turn, {...stage, queue: draft.left, underWay: draft.taken})
  for (const {item, refusal} of draft.refused) refuseChange(turn, item, refusal)
  if (draft.next !== null) propose(turn, draft.next.record, draft.next.text)
  else answerUnchanged(turn, before)
}

/** Changes that have nothing left to change are answered with what is committed. */
function answerUnchanged(turn: Turn, committed: StoredRecord): void {
  const {stage} = turn.node
  if (stage.stage !== 'leading') return
  enter(turn, {...stage, underWay: []})
  for (const item of stage.underWay) answerAsks(turn, item, committed)
  if (stage.queue.length > 0) proposeQueued(turn)
}

/** What was marked lost is said when it is committed; the pause after a target begins then (R13). */
function noteLost(turn: Turn, underWay: readonly UnderWay[], committed: ClusterRecord): void {
  for (const {change} of underWay) {
    const member = change.type === 'mark-lost' ? committed.smap.nodes[change.id] : undefined
    if (member === undefined) continue
    log(turn, 'warn', `${nodeLabelOf(member)} is lost`, {id: member.id})
    const {stage, nowMs} = turn.node
    if (stage.stage !== 'leading' || member.role !== 'target') continue
    enter(turn, {...stage, lastTargetLostMs: nowMs})
  }
}

/** Adds a change to the queue, or its askers to the same change that waits already. */
export function enqueue(turn: Turn, item: LeadingStage['queue'][number]): void {
  const {stage} = turn.node
  if (stage.stage !== 'leading') return
  const key = changeKey(item.change)
  const at = key === '' ? -1 : stage.queue.findIndex((other) => changeKey(other.change) === key)
  const old = stage.queue[at]
  const queue =
    old === undefined
      ? [...stage.queue, item]
      : stage.queue.with(at, {change: item.change, asks: [...old.asks, ...item.asks]})
  enter(turn, {...stage, queue})
}

/** Whether this change is queued or under way. */
export function isQueued(
  stage: LeadingStage,
  change: LeadingStage['queue'][number]['change'],
): boolean {
  const key = changeKey(change)
  return [...stage.queue, ...stage.underWay].some((item) => changeKey(item.change) === key)
}

function changeKey(change: LeadingStage['queue'][number]['change']): string {
  switch (change.type) {
    case 'command':
      return ''
    case 'admit':
    case 'describe':
      return `admit ${change.member.id}`
    case 'hand-over':
    case 'finalize':
    case 'cleared':
      return change.type
    case 'moved':
    case 'swept':
      return `${change.type} ${change.entry}`
    default:
      return `${change.type} ${change.id}`
  }
}
