/**
 * Waiting for a rebalance: until the primary itself says what became of it, however often the
 * office moves meanwhile. Never returns early, and fails when not everything has moved.
 */

import {AisError} from '../base/errors.ts'
import {formatDuration} from '../base/units.ts'
import {nodeLabel} from '../model/ids.ts'
import type {OperationAnswer, RebalanceNote} from '../wire/operation.ts'
import type {ClusterClient} from './cluster.ts'
import type {Looks} from './look-until.ts'
import {lookUntil, reasonsOf} from './look-until.ts'

export interface RebalanceWait extends Looks {
  /** `g3`; absent: the one that goes on, or the last one. */
  readonly id?: string
}

export interface RebalanceEnd {
  /** The one that ended it: a newer one when the owners changed meanwhile. '' when there is none. */
  readonly id: string
  readonly objects: number
  readonly bytes: number
  /** From its begin, as the primary saw it, to its end; null: nobody has seen it. */
  readonly tookMs: number | null
}

/**
 * @throws AisError PARTIAL when it was stopped, JOB_NOT_FOUND, TIMED_OUT, OUTCOME_UNKNOWN when
 * nobody remembers what became of it
 */
export function awaitRebalance(
  client: ClusterClient,
  {id, ...looks}: RebalanceWait,
): Promise<RebalanceEnd> {
  let wanted = id
  let entry: number | undefined
  return lookUntil<RebalanceEnd>(client, looks, {
    judge: (answer) => {
      wanted ??= answer.rebalance
      if (wanted === '') return {id: '', objects: 0, bytes: 0, tookMs: null}
      const verdict = judge(answer, wanted, entry)
      if (typeof verdict === 'object') return verdict
      wanted = verdict
      if (answer.rebalance === wanted) entry = answer.move?.entry ?? entry
      return undefined
    },
    late: (last) => late(wanted ?? '', last, looks.timeoutMs),
  })
}

/** The end, or the id of the rebalance that is to be waited for. @throws AisError */
function judge(
  answer: OperationAnswer,
  wanted: string,
  entry: number | undefined,
): RebalanceEnd | string {
  const {rebalance, move, rebalances} = answer
  if (numberOf(wanted) > numberOf(rebalance)) {
    throw new AisError({
      code: 'JOB_NOT_FOUND',
      message: `there is no rebalance ${wanted}; the newest is ${rebalance === '' ? 'none' : rebalance}`,
      hint: 'see: aisctl show rebalance --all',
    })
  }
  const note = rebalances.find((one) => one.id === wanted)
  if (note?.state === 'finished') return endOf(note)
  // An operation goes on when those that it waits for are back.
  const resumes = answer.op?.phase === 'moving'
  if (note?.state === 'stopped' && !resumes) throw stopped(note, answer)
  // When the owners changed meanwhile, a newer one moves what this one had not moved.
  if (move !== null || resumes) return rebalance
  if (note?.state === 'overtaken') return laterThan(note, answer)
  return byRecord(answer, wanted, entry)
}

/** The record alone tells, when the primary was not in office then. @throws AisError */
function byRecord(
  {node, inPlace, ownFrom}: OperationAnswer,
  wanted: string,
  entry: number | undefined,
): RebalanceEnd {
  const done = inPlace || (entry !== undefined && ownFrom >= entry)
  if (done) return {id: wanted, objects: 0, bytes: 0, tookMs: null}
  throw new AisError({
    code: 'OUTCOME_UNKNOWN',
    message: `${wanted} is over, and the primary (${node}) has not seen its end; not everything is where it belongs`,
    hint: 'move the rest: aisctl rebalance start --wait',
  })
}

/** How the newest of those that followed ended. */
function laterThan(note: RebalanceNote, answer: OperationAnswer): RebalanceEnd | string {
  const last = answer.rebalances.at(-1)
  if (last === undefined || last.id === note.id) return answer.rebalance
  if (last.state === 'finished') return endOf(last)
  throw stopped(last, answer)
}

function endOf({id, nodes, beganMs, endedMs}: RebalanceNote): RebalanceEnd {
  return {
    id,
    objects: nodes.reduce((sum, {objects}) => sum + objects, 0),
    bytes: nodes.reduce((sum, {bytes}) => sum + bytes, 0),
    tookMs: endedMs === null ? null : endedMs - beganMs,
  }
}

function numberOf(id: string): number {
  const match = /^g(\d+)$/.exec(id)
  if (id === '' || match !== null) return Number(match?.[1] ?? 0)
  throw new AisError({
    code: 'USAGE',
    message: `${JSON.stringify(id)} is no id of a rebalance`,
    hint: 'an id is g1, g2, …: aisctl show rebalance --all',
  })
}

function stopped({id}: RebalanceNote, {nodes}: OperationAnswer): AisError {
  const lost = nodes.filter(({status}) => status === 'lost').map((node) => node.id)
  const labels = lost.map((one) => nodeLabel('target', one)).join(', ')
  const why = lost.length === 0 ? '' : ` (${labels} does not answer)`
  return new AisError({
    code: 'PARTIAL',
    message: `${id} was stopped${why}: not everything is where it belongs; nothing is lost, and what was moved stays`,
    hint:
      lost.length === 0
        ? 'move the rest: aisctl rebalance start --wait'
        : `it begins again by itself when it is back: aisctl node start ${lost.join(' ')}`,
    details: {rebalance: id, lost},
  })
}

function late(id: string, last: OperationAnswer | null, timeoutMs: number): AisError {
  const what = id === '' ? 'no rebalance was heard of' : `${id} goes on`
  return new AisError({
    code: 'TIMED_OUT',
    message: `${what} after ${formatDuration(timeoutMs)}${reasonsOf(last)}`,
    hint: 'it is not interrupted by that; see: aisctl show rebalance',
  })
}
