/** From `booted` to the first stage (DESIGN: founding). */

import {prngOf} from '../../base/prng.ts'
import {formatEndpoint} from '../../model/node.ts'
import {timersOf} from '../../model/timers.ts'
import {POSITION_NONE} from '../../model/record.ts'
import {NO_WATCH} from '../election/evidence.ts'
import {noteActive} from '../keepalive/suspicion.ts'
import {discoveryFrom} from '../membership/discovery.ts'
import {NO_LEASE} from '../ownership/lease.ts'
import {EXIT_CONFIGURATION, type DurableState, type KernelEvent} from './events.ts'
import {beginFounding} from './found.ts'
import {mayFound} from './stage.ts'
import {stopOfLeaver} from './stop.ts'
import type {NodeState} from './state.ts'
import type {Turn} from './turn.ts'
import {emit, log, persist} from './turn.ts'
import {emptyView} from './view.ts'

type Booted = Extract<KernelEvent, {type: 'booted'}>

/** The node as it starts: nothing heard, nothing led, whatever its record says (R9). */
export function bootedNode(event: Booted): NodeState {
  const {facts, nowMs, wallMs} = event
  const durable = event.durable ?? firstState(event)
  return {
    phase: 'running',
    facts,
    prng: prngOf(event.seed),
    nowMs,
    wallMs: Math.floor(wallMs),
    tickedMs: nowMs,
    timers: timersOf(durable.committed?.record.conf.set ?? facts.foundingConfig),
    standby: facts.standby,
    invitation: null,
    amnesia: event.diskKnows === true,
    durable,
    onDisk: durable,
    writes: [],
    nextToken: 1,
    nextSendId: 1,
    sends: {},
    stage: {stage: 'seeking', discovery: discoveryFrom(nowMs, null)},
    followed: null,
    awakeMs: nowMs,
    watch: NO_WATCH,
    granted: null,
    led: 0,
    waitingCommands: [],
    waitingJoins: [],
    lease: NO_LEASE,
    waitingBeats: [],
    view: emptyView(facts, Math.floor(wallMs)),
    published: [],
    held: POSITION_NONE,
    activeNotes: durable.committed === null ? [] : noteActive([], durable.committed.record, nowMs),
    clusterStarted: false,
    stop: event.leaving === true ? stopOfLeaver(nowMs) : null,
    move: null,
    reclaim: null,
    cleared: 0,
    leaving: event.leaving === true ? 'wiped' : 'no',
  }
}

function firstState(event: Booted): DurableState {
  return {
    format: 1,
    uuid: event.facts.uuid,
    inc: 0,
    run: 0,
    promisedEpoch: 0,
    votedFor: null,
    accepted: null,
    committed: null,
  }
}

/** Stores this run's number, then takes the first stage. */
export function onBooted(turn: Turn, event: Booted): void {
  const {facts, durable} = turn.node
  if (facts.uuid !== '' && durable.uuid !== '' && facts.uuid !== durable.uuid) {
    const named = `the configuration names ${facts.uuid}`
    const reason = `the state here belongs to cluster ${durable.uuid}, ${named}`
    log(turn, 'error', reason)
    emit(turn, {type: 'exit', status: EXIT_CONFIGURATION, reason, left: false})
    return
  }
  if (event.amnesia !== '') {
    log(turn, 'error', `stored state is unreadable, joining anew: ${event.amnesia}`)
  }
  const record = durable.accepted?.record
  log(turn, 'info', record === undefined ? 'starting without a record' : 'starting with a record', {
    uuid: durable.uuid,
    inc: durable.inc,
    run: durable.run + 1,
    epoch: record?.epoch ?? 0,
    index: record?.index ?? 0,
    promised: durable.promisedEpoch,
  })
  persist(turn, {uuid: durable.uuid === '' ? facts.uuid : durable.uuid, run: durable.run + 1}, [])
  sayStart(turn)
  // Unreadable state may have held a promise: such a node never forms a cluster (R9).
  if (event.amnesia === '' && mayFound(turn.node)) beginFounding(turn)
}

/**
 * The documented start, for the operator: local record, configuration, environment (DESIGN:
 * founding).
 */
function sayStart(turn: Turn): void {
  const {durable, facts} = turn.node
  const saved = Object.keys(durable.accepted?.record.smap.nodes ?? {}).length
  const {id, isPrimary} = facts.primaryHint
  const chosen =
    id === null ? (isPrimary === null ? 'configuration' : 'AIS_IS_PRIMARY') : 'AIS_PRIMARY_ID'
  log(turn, 'info', `looking for the cluster: ${saved} nodes of the local record`, {
    saved,
    configured: facts.peers.length,
    askFirst: facts.askFirst.map(formatEndpoint),
  })
  if (durable.accepted !== null) return
  const role = mayFound(turn.node) ? 'potential primary' : 'joining'
  log(turn, 'info', `no local record: ${role}, by ${chosen}`, {bootstrap: facts.bootstrap})
}
