/** The founder's dealings: carries out what `core/membership/founding` orders. */

import {formatUtc} from '../../base/utc.ts'
import type {Member} from '../../model/node.ts'
import {formatEndpoint} from '../../model/node.ts'
import type {VoteAnswer} from '../../model/peer-messages.ts'
import type {ClusterRecord} from '../../model/record.ts'
import {LEVEL, RECORD_FORMAT} from '../../model/record.ts'
import type {ClusterUuid} from '../../model/ids.ts'
import {ownFlags} from '../membership/changes.ts'
import type {FoundingEvent, FoundingOrder} from '../membership/founding.ts'
import {FOUNDING_EPOCH, stepFounding} from '../membership/founding.ts'
import {withUrls} from '../metasync/urls.ts'
import {foundingNote} from './elections.ts'
import {foundingReign} from './lead.ts'
import {foundCluster, otherPlaces, seek} from './stage.ts'
import {WAIT_SAID_MS} from './stand.ts'
import type {NodeState, Purpose} from './state.ts'
import type {Turn} from './turn.ts'
import {enter, isAsking, log, persist, send} from './turn.ts'

const ASK_AGAIN_MS = 100
const VOTE_TIMEOUT_MS = 3000
/** The incarnation of a founder. */
const FIRST_INC = 1

/** Begins to form the cluster. */
export function beginFounding(turn: Turn): void {
  foundCluster(turn)
  stepFounder(turn, {type: 'begun'})
}

/** Gives the founding an event and does what it orders. */
export function stepFounder(turn: Turn, event: FoundingEvent): void {
  const {stage} = turn.node
  if (stage.stage !== 'founding') return
  const {founding, orders} = stepFounding(stage.founding, event)
  enter(turn, {...stage, founding})
  for (const order of orders) carryOut(turn, order)
}

function carryOut(turn: Turn, order: FoundingOrder): void {
  const candidate = {id: turn.node.facts.self.id, inc: FIRST_INC}
  switch (order.type) {
    case 'ask':
      return askPlaces(turn)
    case 'store-ballot':
      return persist(turn, {promisedEpoch: FOUNDING_EPOCH, votedFor: candidate}, [
        {type: 'founding-stored'},
      ])
    default:
      return foundingReign(turn, genesis(turn.node), otherPlaces(turn.node))
  }
}

/** Asks again in time, and says for whom it waits. */
export function tickFounding(turn: Turn): void {
  const {nowMs, stage} = turn.node
  if (stage.stage !== 'founding' || nowMs < stage.nextAskMs) return
  askPlaces(turn)
  if (nowMs - stage.saidAtMs < WAIT_SAID_MS || stage.founding.phase === 'forbidden') return
  const missing = otherPlaces(turn.node)
    .map(formatEndpoint)
    .filter((place) => !stage.heardFrom.includes(place))
  const {configured, granted} = stage.founding
  const heard = `${granted.length + 1} of ${configured} configured nodes`
  log(
    turn,
    'warn',
    `waiting for a majority to form the cluster: ${heard}; silent: ${missing.join(', ') || 'none'}`,
  )
  const {stage: after} = turn.node
  if (after.stage === 'founding') enter(turn, {...after, saidAtMs: nowMs})
}

function askPlaces(turn: Turn): void {
  const {stage, facts} = turn.node
  if (stage.stage !== 'founding' || stage.founding.phase === 'storing') return
  enter(turn, {...stage, nextAskMs: turn.node.nowMs + ASK_AGAIN_MS})
  // Where it is forbidden the question goes on: somebody may have a record by and by.
  const pre = stage.founding.phase !== 'voting'
  for (const control of otherPlaces(turn.node)) {
    const place = formatEndpoint(control)
    if (isAsking(turn.node, (purpose) => purpose.type === 'found' && purpose.place === place))
      continue
    send(
      turn,
      {control, id: null},
      {
        request: {
          type: 'vote',
          uuid: facts.uuid as ClusterUuid,
          epoch: FOUNDING_EPOCH,
          candidate: {id: facts.self.id, inc: FIRST_INC},
          pre,
          founding: true,
          led: 0,
          forced: false,
          holds: null,
        },
        timeoutMs: VOTE_TIMEOUT_MS,
        purpose: {type: 'found', place, pre},
      },
    )
  }
}

/** A configured node answered the founder. */
export function onFoundAnswered(
  turn: Turn,
  purpose: Extract<Purpose, {type: 'found'}>,
  answer: VoteAnswer,
): void {
  const {stage} = turn.node
  if (stage.stage !== 'founding') return
  const heardFrom = [...new Set([...stage.heardFrom, purpose.place])]
  enter(turn, {...stage, heardFrom})
  if (answer.granted) {
    stepFounder(turn, {type: 'granted', pre: purpose.pre, id: answer.voter.id})
    return
  }
  if (answer.position.index > 0) {
    log(turn, 'info', `${purpose.place} has a record of the cluster: joining instead of forming it`)
    seek(turn, null)
    return
  }
  if (answer.amnesia) return waitForRecord(turn, purpose.place)
  log(turn, 'debug', `${purpose.place} does not vote for this founder: ${answer.reason}`)
}

/**
 * There was a cluster, and nobody here has its record: to form it anew would make its objects those
 * of nobody. Only an operator can tell that nothing else is left.
 */
function waitForRecord(turn: Turn, place: string): void {
  const {stage} = turn.node
  if (stage.stage !== 'founding') return
  stepFounder(turn, {type: 'forbidden'})
  const {nowMs} = turn.node
  const isSaid = stage.founding.phase === 'forbidden' && nowMs - stage.saidAtMs < WAIT_SAID_MS
  if (isSaid || turn.node.stage.stage !== 'founding') return
  enter(turn, {...turn.node.stage, saidAtMs: nowMs})
  log(
    turn,
    'error',
    `${place} has data of this cluster, whose record is lost: it is not formed anew; ` +
      'bring a record back (aisctl cluster restore FILE), or remove the marks of its mountpaths',
  )
}

/** The first record: this node, alone. */
function genesis(node: NodeState): ClusterRecord {
  const {facts, wallMs} = node
  const {self} = facts
  const member: Member = {
    id: self.id,
    role: self.role,
    public: self.public,
    control: self.control,
    data: self.data,
    flags: ownFlags(self.nonElectable),
    inc: FIRST_INC,
    learner: false,
    away: null,
    speaks: self.speaks,
  }
  const epoch = FOUNDING_EPOCH
  const smap = {
    version: 1,
    epoch,
    created: formatUtc(wallMs),
    primary: self.id,
    nodes: {[self.id]: member},
  }
  const urls = {primary: '', original: '', discovery: ''}
  const conf = {version: 1, epoch, updated: '', set: facts.foundingConfig, urls}
  return {
    format: RECORD_FORMAT,
    uuid: facts.uuid as ClusterUuid,
    epoch,
    index: 1,
    parent: '',
    pv: null,
    level: LEVEL,
    smap,
    bmd: {version: 1, epoch, serial: 0, buckets: {}},
    rmd: {version: 0, epoch, targetIds: []},
    conf: withUrls(conf, smap),
    tokens: {version: 0, epoch, revoked: []},
    own: [{index: 1, targets: []}],
    op: null,
    move: null,
    heir: null,
    elections: [foundingNote(self.id, node.wallMs)],
    rebalances: [],
  }
}
