/**
 * Nodes that are taken out, and the rebalance, in words: cells of tables, the line of progress, the
 * lines that say what is true now and what to type next. The words are enough without colour.
 */

import {formatDuration, formatSize} from '../../base/units.ts'
import type {Departure} from '../../client/departure.ts'
import type {RebalanceEnd} from '../../client/rebalance.ts'
import {nodeLabel} from '../../model/ids.ts'
import {silenceRemedy, silenceText, silentNodes} from '../../client/silent.ts'
import type {OperationAnswer} from '../../wire/operation.ts'
import {formatCount} from './count.ts'
import type {Paint, Style} from './paint.ts'

const MINUTE_S = 60

/** `12 s`, `3m20s`. */
export function timeText(seconds: number): string {
  const whole = Math.ceil(seconds)
  return whole < MINUTE_S ? `${whole} s` : formatDuration(whole * 1000)
}

/** `1,234 objects`, `1 object`. */
export function objectsText(objects: number): string {
  return `${formatCount(objects)} ${objects === 1 ? 'object' : 'objects'}`
}

/** `maintenance (moving, 12 s left)`. */
export function departureText(status: string, departure: Departure): string {
  return `${status} (${detailOf(departure)})`
}

function detailOf({state, left, secondsLeft, problem}: Departure): string {
  switch (state) {
    case 'safe':
      return 'safe to power off'
    case 'not-moved':
      return 'data not moved'
    case 'carrying-out':
      return 'data moved, leaving'
    case 'unknown':
      return 'not known whether its data has moved'
    case 'silent':
      return 'data not moved, and it does not answer'
    case 'moving': {
      const words = [
        problem === '' ? 'moving' : 'moving, with errors',
        ...leftWords(left, secondsLeft),
      ]
      return words.join(', ')
    }
  }
}

/** The time when it is known, else the objects. */
function leftWords(left: number | null, secondsLeft: number | null): readonly string[] {
  if (secondsLeft !== null && secondsLeft > 0) return [`${timeText(secondsLeft)} left`]
  return left === null || left === 0 ? [] : [`${objectsText(left)} left`]
}

/** Red while it must not be powered off, cyan when it may. */
export function departureStyle({safeToPowerOff}: Departure): Style {
  return safeToPowerOff ? 'cyan' : 'red'
}

/** `t[a], t[b]`. */
export function labelsOf(
  nodes: readonly {readonly id: string; readonly role: 'proxy' | 'target'}[],
) {
  return nodes.map(({id, role}) => nodeLabel(role, id)).join(', ')
}

export interface Total {
  readonly objects: number
  readonly bytes: number
  /** Null: some target does not know yet. */
  readonly left: number | null
  readonly bytesPerSecond: number
  readonly secondsLeft: number | null
}

/** All targets together: it takes as long as the slowest. */
export function totalOf({nodes}: OperationAnswer): Total {
  const parts = nodes.filter(({state}) => state !== 'idle')
  const sum = (pick: (node: (typeof parts)[number]) => number): number =>
    parts.reduce((total, node) => total + pick(node), 0)
  const known = parts.every(({left}) => left !== null)
  const times = parts.map(({secondsLeft}) => secondsLeft)
  const timed = times.every((time) => time !== null)
  return {
    objects: sum(({objects}) => objects),
    bytes: sum(({bytes}) => bytes),
    left: known ? sum(({left}) => left ?? 0) : null,
    bytesPerSecond: sum(({bytesPerSecond}) => bytesPerSecond),
    secondsLeft: timed ? Math.max(0, ...times.map((time) => time ?? 0)) : null,
  }
}

/** One line while it is waited for. */
export function progressText(answer: OperationAnswer): string {
  const {live, move, rebalance, op} = answer
  if (!live) return 'no primary at present; it goes on when there is one'
  if (move === null) {
    if (op === null) return 'nothing moves'
    return [`${op.action} of ${op.nodes.join(', ')}: ${op.phase}`, ...silenceWords(answer)].join(
      ', ',
    )
  }
  const {objects, bytes, left, bytesPerSecond, secondsLeft} = totalOf(answer)
  const problems = answer.nodes.filter(({problem}) => problem !== '')
  const silent = silentNodes(answer)
  const awaited = answer.nodes.filter(
    ({id, state}) => state === 'unknown' && !silent.some((node) => node.id === id),
  )
  return [
    `${rebalance}: ${objectsText(objects)} (${formatSize(bytes)}) moved`,
    ...(left === null || left === 0 ? [] : [`${formatCount(left)} left`]),
    ...(bytesPerSecond === 0 ? [] : [`${formatSize(bytesPerSecond)}/s`]),
    ...(secondsLeft === null || secondsLeft === 0 ? [] : [`${timeText(secondsLeft)} left`]),
    ...(awaited.length === 0 ? [] : [`waits for ${labelsOf(awaited)}`]),
    ...silenceWords(answer),
    ...problems.map(({id, role, problem}) => `${nodeLabel(role, id)}: ${problem}`),
  ].join(', ')
}

function silenceWords(answer: OperationAnswer): readonly string[] {
  const text = silenceText(silentNodes(answer))
  return text === '' ? [] : [text]
}

/** Who holds up what goes on, and the two ways on; nothing when nobody does. */
export function silentLines(answer: OperationAnswer, paint: Paint): readonly string[] {
  const silent = silentNodes(answer)
  if (silent.length === 0) return []
  const remedy = silenceRemedy(silent)
  return [
    paint('red', `${awaitingText(answer)} waits: ${silenceText(silent)}.`),
    `${remedy.slice(0, 1).toUpperCase()}${remedy.slice(1)}`,
  ]
}

function awaitingText({op, move, rebalance}: OperationAnswer): string {
  if (op !== null) return `${op.action} of ${op.nodes.join(', ')}`
  return move === null ? 'Removing what has moved at its sources' : rebalance
}

/** `g3 finished: 1,234 objects (2.3GiB) moved in 12s.` */
export function endText({asked, id, objects, bytes, tookMs}: RebalanceEnd): string {
  if (id === '' || tookMs === null) return 'Nothing has to move: everything is where it belongs.'
  const took = formatDuration(Math.round(tookMs / 100) * 100)
  const went = asked === id ? '' : `${asked} went on as ${id}; `
  return `${went}${id} finished: ${objectsText(objects)} (${formatSize(bytes)}) moved in ${took}.`
}
