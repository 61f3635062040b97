/**
 * `show rebalance`: what each target has moved and has left, as the primary knows it; with `--all`
 * also the rebalances that are over, as the cluster's record remembers them.
 */

import {formatDuration, formatSize} from '../../base/units.ts'
import {formatUtc} from '../../base/utc.ts'
import type {ClusterClient} from '../../client/cluster.ts'
import {noSuchRebalance} from '../../client/rebalance.ts'
import {silentNodes} from '../../client/silent.ts'
import {nodeLabel} from '../../model/ids.ts'
import type {MoveOutcome} from '../../model/record.ts'
import type {
  MoverState,
  OperationAnswer,
  OperationNode,
  RebalanceNote,
  RebalanceShare,
} from '../../wire/operation.ts'
import {encodeOperation} from '../../wire/operation.ts'
import {formatCount} from '../render/count.ts'
import {
  labelsOf,
  objectsText,
  progressText,
  silentLines,
  timeText,
} from '../render/departure-view.ts'
import type {Paint, Style} from '../render/paint.ts'
import type {TableColumn} from '../render/table.ts'
import {renderTable} from '../render/table.ts'
import type {Page} from './cluster-page.ts'

export interface RebalanceOptions {
  /** Those that are over, too. */
  readonly all: boolean
  /** This one alone; absent: the one that goes on. */
  readonly id?: string
  readonly paint: Paint
}

/** One line of the table: a target's part in a rebalance. */
interface Row {
  readonly note: RebalanceNote
  /** Null: the record keeps the outcome alone. */
  readonly share: RebalanceShare | null
  /** While it runs. */
  readonly now: OperationNode | null
}

/** @throws AisError JOB_NOT_FOUND for an id that nobody remembers */
export async function rebalancePage(
  client: ClusterClient,
  {all, id, paint}: RebalanceOptions,
): Promise<Page> {
  const answer = await client.membership.operation()
  const notes = answer.rebalances.filter((note) =>
    id === undefined ? all || note.endedMs === null : note.id === id,
  )
  if (id !== undefined && notes.length === 0) throw noSuchRebalance(id, answer)
  return {
    lines: [
      ...tableOf(notes, answer, paint),
      ...reclaimLines(answer, paint),
      ...closing(notes, answer, all),
      ...silentLines(answer, paint),
    ],
    json: encodeOperation(answer),
  }
}

function tableOf(
  notes: readonly RebalanceNote[],
  answer: OperationAnswer,
  paint: Paint,
): readonly string[] {
  const rows = notes.flatMap((note) => rowsOf(note, answer))
  return rows.length === 0 ? [] : [...renderTable(rows, columns(answer, paint)), '']
}

function rowsOf(note: RebalanceNote, {nodes}: OperationAnswer): readonly Row[] {
  if (note.endedMs !== null) {
    const kept = note.nodes.map((share) => ({share, note, now: null}))
    return kept.length > 0 ? kept : [{share: null, note, now: null}]
  }
  return nodes.filter(({state}) => state !== 'idle').map((node) => ({share: node, note, now: node}))
}

function of(text: (share: RebalanceShare) => string): TableColumn<Row>['cell'] {
  return ({share}) => (share === null ? '-' : text(share))
}

function columns(answer: OperationAnswer, paint: Paint): readonly TableColumn<Row>[] {
  return [
    {heading: 'REB ID', cell: ({note}) => note.id},
    {heading: 'NODE', cell: of(({id}) => nodeLabel('target', id))},
    {heading: 'TX OBJECTS', cell: of(({objects}) => formatCount(objects))},
    {heading: 'TX BYTES', cell: of(({bytes}) => formatSize(bytes))},
    {heading: 'RX OBJECTS', cell: of(({inObjects}) => formatCount(inObjects))},
    {heading: 'RX BYTES', cell: of(({inBytes}) => formatSize(inBytes))},
    {heading: 'LEFT', cell: ({now}) => (now === null ? '-' : leftText(now))},
    {heading: 'RATE', cell: ({now}) => (now === null ? '-' : rateText(now))},
    {heading: 'TIME LEFT', cell: ({now}) => (now === null ? '-' : timeLeftText(now))},
    {heading: 'START (UTC)', cell: ({note}) => clock(note.beganMs)},
    {heading: 'END (UTC)', cell: ({note}) => (note.endedMs === null ? '-' : clock(note.endedMs))},
    {heading: 'STATE', cell: (row) => stateCell(row, answer, paint)},
    {
      heading: 'PROBLEM',
      cell: of(({problem}) => (problem === '' ? '-' : paint('red', problem))),
      show: ({share}) => share !== null && share.problem !== '',
    },
  ]
}

function leftText({left}: OperationNode): string {
  return left === null ? 'not known yet' : formatCount(left)
}

function rateText({bytesPerSecond, objectsPerSecond}: OperationNode): string {
  if (bytesPerSecond > 0) return `${formatSize(bytesPerSecond)}/s`
  return objectsPerSecond > 0 ? `${objectsPerSecond} objects/s` : '-'
}

function timeLeftText({secondsLeft}: OperationNode): string {
  return secondsLeft === null || secondsLeft === 0 ? '-' : timeText(secondsLeft)
}

const MOVERS: Readonly<Record<MoverState, readonly [style: Style, text: string]>> = {
  unknown: ['yellow', 'Not heard yet'],
  idle: ['dim', 'No part'],
  waiting: ['cyan', 'Waiting'],
  walking: ['cyan', 'Running'],
  clean: ['green', 'Nothing left'],
  failing: ['red', 'Running, with errors'],
}

const ENDS: Readonly<Record<MoveOutcome, readonly [style: Style, text: string]>> = {
  running: ['cyan', 'Running'],
  finished: ['green', 'Finished'],
  overtaken: ['yellow', 'Goes on as a newer one'],
  stopped: ['yellow', 'Stopped'],
}

function stateCell({now, note}: Row, answer: OperationAnswer, paint: Paint): string {
  const [style, text] = now === null ? ENDS[note.state] : MOVERS[now.state]
  const silent = silentNodes(answer).some(({id}) => id === now?.id)
  if (silent) return paint('red', `${text} (does not answer)`)
  return paint(style, now?.away === true ? `${text} (${now.status}: off)` : text)
}

/** `11:28:16`. */
function clock(ms: number): string {
  return formatUtc(ms).slice(11, 19)
}

/** What has moved is removed where it came from, after the rebalance has ended. */
function reclaimLines({reclaim, rebalances}: OperationAnswer, paint: Paint): readonly string[] {
  if (reclaim === null || rebalances.length === 0) return []
  const {targets, done, objects, bytes, problems} = reclaim
  const removed = objects === 0 ? '' : `, ${objectsText(objects)} (${formatSize(bytes)}) so far`
  return [
    `What has moved is being removed where it came from: ${done} of ${targets} targets are done${removed}.`,
    ...problems.map(({id, problem}) => `${nodeLabel('target', id)}: ${paint('red', problem)}`),
  ]
}

function closing(
  notes: readonly RebalanceNote[],
  answer: OperationAnswer,
  all: boolean,
): readonly string[] {
  const running = notes.find(({endedMs}) => endedMs === null)
  if (running !== undefined) {
    return [
      `${progressText(answer)}.`,
      `Wait for it: aisctl rebalance wait ${running.id} · ${stopText(answer)}`,
    ]
  }
  const last = notes.at(-1)
  if (last !== undefined) return [lastText(last)]
  if (!answer.live) return ['No primary at present; what moves is not known.']
  if (answer.move !== null) return [`${answer.rebalance} begins.`]
  const place = answer.inPlace
    ? 'everything is where it belongs'
    : `not everything is where it belongs (${remedy(answer)})`
  return [`No rebalance is running; ${place}.${all ? '' : ' History: aisctl show rebalance --all'}`]
}

/** The data of nodes that are taken out stops moving when they are taken back. */
function stopText({op}: OperationAnswer): string {
  return op === null
    ? 'stop it: aisctl rebalance stop'
    : `take back what moves away: aisctl node maintenance stop ${op.nodes.join(' ')}`
}

function lastText({id, state, nodes, beganMs, endedMs}: RebalanceNote): string {
  const objects = nodes.reduce((sum, node) => sum + node.objects, 0)
  const bytes = nodes.reduce((sum, node) => sum + node.bytes, 0)
  const took = formatDuration(Math.round(((endedMs ?? beganMs) - beganMs) / 100) * 100)
  const moved = nodes.length === 0 ? '' : `; ${objectsText(objects)} (${formatSize(bytes)}) moved`
  return `${id}: ${ENDS[state][1].toLowerCase()}${moved}, after ${took}.`
}

function remedy({nodes}: OperationAnswer): string {
  const lost = nodes.filter(({status}) => status === 'lost')
  if (lost.length === 0) return 'move it: aisctl rebalance start'
  const ids = lost.map(({id}) => id).join(' ')
  return `${labelsOf(lost)} does not answer; start it: aisctl node start ${ids}`
}
