/**
 * An operator gives up the majority (R17): this node stands with the votes of the survivors that
 * were named, all of them, and takes over the newest record among theirs, far above any epoch that
 * those who were given up may have reached. They keep their place and their data as learners. It
 * is refused as soon as one of them answers.
 */

import {refusal} from '../../base/errors.ts'
import type {Command} from '../../model/command.ts'
import type {NodeId} from '../../model/ids.ts'
import {isElectable, isVoter, type Member} from '../../model/node.ts'
import type {ClusterRecord, Smap} from '../../model/record.ts'
import {waitLeft} from '../election/patience.ts'
import {endForced, seek, stepDown} from './stage.ts'
import {beginStanding} from './stand.ts'
import type {NodeState} from './state.ts'
import type {Turn} from './turn.ts'
import {acceptedOf, emit, log, send} from './turn.ts'
import {isCommitting} from './view.ts'
import {primaryWatch} from './watch.ts'

/** How long the survivors have to answer. */
const RECOVER_MS = 10_000
const PROBE_TIMEOUT_MS = 2000

/** The command arrives at the node that is to lead. */
export function onRecoverCommanded(
  turn: Turn,
  askId: number,
  {survivors}: Extract<Command, {type: 'recover'}>,
): void {
  const record = acceptedOf(turn.node)?.record
  const why =
    record === undefined ? 'it has no record' : whyNotRecover(turn.node, record, survivors)
  if (record === undefined || why !== '') {
    const refused = refusal('REFUSED', `p[${turn.node.facts.self.id}] cannot recover: ${why}`)
    return emit(turn, {type: 'reply', askId, result: {type: 'refused', refusal: refused}})
  }
  const givenUp = givenUpBy(record.smap, survivors)
  stepDown(turn, 'an operator gives up its majority')
  log(turn, 'warn', `an operator gives up ${givenUp.map(({id}) => id).join(', ') || 'nobody'}`, {
    survivors,
  })
  for (const member of givenUp) {
    send(turn, member, {
      request: {type: 'probe', uuid: record.uuid},
      timeoutMs: PROBE_TIMEOUT_MS,
      purpose: {type: 'given-up', id: member.id},
      fresh: true,
    })
  }
  beginStanding(turn, {
    reason: 'recovered',
    forced: {survivors, askId, untilMs: turn.node.nowMs + RECOVER_MS},
  })
}

function whyNotRecover(
  node: NodeState,
  record: ClusterRecord,
  survivors: readonly NodeId[],
): string {
  const {facts, stage} = node
  const self = record.smap.nodes[facts.self.id]
  if (self === undefined || self.inc !== node.durable.inc || !isElectable(self)) {
    return 'it may not be primary'
  }
  if (isCommitting(node)) return 'it leads with a majority'
  if (stage.stage === 'founding') return 'it is forming the cluster'
  if (stage.stage === 'standing' && stage.forced !== null) return 'it is recovering already'
  if (!survivors.includes(self.id)) return 'it has to be among the survivors'
  if (node.writes.length > 0) return 'it is still writing; repeat the command'
  const unknown = survivors.find((id) => record.smap.nodes[id] === undefined)
  if (unknown !== undefined) return `"${unknown}" is not a member`
  // A primary that has lost its majority knows that best itself.
  if (stage.stage === 'leading') return ''
  const watch = primaryWatch(node)
  const leftMs = waitLeft(watch, self.id, 0)
  const heard = ((node.nowMs - watch.quietSinceMs) / 1000).toFixed(1)
  return leftMs === 0
    ? ''
    : `a primary was heard ${heard} s ago: wait ${(leftMs / 1000).toFixed(1)} s, and repeat it`
}

function givenUpBy(smap: Smap, survivors: readonly NodeId[]): readonly Member[] {
  return Object.values(smap.nodes).filter(
    (member) => isVoter(member) && !survivors.includes(member.id),
  )
}

/** One that was given up answers: there is more to be had than the operator thinks. */
export function onGivenUpAnswered(turn: Turn, id: NodeId): void {
  const {stage} = turn.node
  if (stage.stage !== 'standing' || stage.forced === null) return
  endForced(turn, stage, `${id}, which was given up, answers`)
  seek(turn, null)
}
