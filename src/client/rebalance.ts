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
import {lateHint, lookUntil, reasonsOf} from './look-until.ts'

export interface RebalanceWait extends Looks {
  /** `g3`; absent: the one that goes on, or the last one. */
  readonly id?: string
}

export interface RebalanceEnd {
  /** The one that was waited for. '' when there is none. */
  readonly asked: string
  /** The one that ended it: a newer one when the owners changed meanwhile, or it began again. */
  readonly id: string
  readonly objects: number
  readonly bytes: number
  /** From its begin to its end, by the primary's clock; null: there was none. */
  readonly tookMs: number | null
}

/**
 * @throws AisError PARTIAL when it was stopped or not all is where it belongs, JOB_NOT_FOUND,
 * TIMED_OUT
 */
export function awaitRebalance(
  client: ClusterClient,
  {id, ...looks}: RebalanceWait,
): Promise<RebalanceEnd> {
  let asked = id
  let wanted = id
  return lookUntil<RebalanceEnd>(client, looks, {
    judge: (answer) => {
      wanted ??= answer.rebalances.at(-1)?.id
      asked ??= wanted
      if (wanted === undefined || asked === undefined) return whole(answer)
      const verdict = judge(answer, wanted)
      if (typeof verdict === 'object') {
        return id === undefined && verdict.id === answer.rebalance
          ? {...whole(answer), ...verdict, asked}
          : {...verdict, asked}
      }
      wanted = verdict
      return undefined
    },
    late: (last) => late(wanted ?? '', last, looks.timeoutMs),
  })
}

/** Nothing is under way: then all has to be in its place. @throws AisError PARTIAL */
function whole({inPlace, move}: OperationAnswer): RebalanceEnd | undefined {
  if (move !== null) return undefined
  if (inPlace) return {asked: '', id: '', objects: 0, bytes: 0, tookMs: null}
  throw new AisError({
    code: 'PARTIAL',
    message: 'no rebalance is running, and not everything is where it belongs',
    hint: 'move it: aisctl rebalance start --wait · see: aisctl show rebalance',
  })
}

/** The end, or the id of the rebalance that is to be waited for. @throws AisError */
function judge(answer: OperationAnswer, wanted: string): RebalanceEnd | string {
  const {rebalances, op} = answer
  const at = rebalances.findIndex(({id}) => id === wanted)
  const note = rebalances[at]
  if (note === undefined) throw noSuchRebalance(wanted, answer)
  if (note.state === 'finished') return endOf(note)
  if (note.state === 'running') return wanted
  // A newer one moves what this one had not moved.
  const next = rebalances[at + 1]
  if (next !== undefined) return next.id
  // An operation goes on when those that it waits for are back.
  if (op?.phase === 'moving') return wanted
  throw stopped(note, answer)
}

/** An id that no rebalance of the record has. */
export function noSuchRebalance(id: string, {rebalances}: OperationAnswer): AisError {
  const known = rebalances.map((note) => note.id)
  return new AisError({
    code: /^g\d+$/.test(id) ? 'JOB_NOT_FOUND' : 'USAGE',
    message: `there is no rebalance ${id}`,
    hint: known.length === 0 ? 'there never was one' : `the last ones are: ${known.join(', ')}`,
  })
}

function endOf({id, nodes, beganMs, endedMs}: RebalanceNote): RebalanceEnd {
  return {
    asked: id,
    id,
    objects: nodes.reduce((sum, {objects}) => sum + objects, 0),
    bytes: nodes.reduce((sum, {bytes}) => sum + bytes, 0),
    tookMs: endedMs === null ? null : endedMs - beganMs,
  }
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
        : `it begins again by itself when it is back: aisctl node start ${lost.join(' ')} · if it will never come back: aisctl advanced remove-from-smap ${lost.length === 1 ? lost.join('') : 'NODE'}`,
    details: {rebalance: id, lost},
  })
}

function late(id: string, last: OperationAnswer | null, timeoutMs: number): AisError {
  const what = id === '' ? 'no rebalance was heard of' : `${id} goes on`
  return new AisError({
    code: 'TIMED_OUT',
    message: `${what} after ${formatDuration(timeoutMs)}${reasonsOf(last)}`,
    hint: lateHint(last, 'it is not interrupted by that; see: aisctl show rebalance'),
  })
}
