/** `node ok-to-stop` in words: what would be missing, what is not known, and what to do instead. */

import {formatSize} from '../../base/units.ts'
import type {OkToStop, Stoppable} from '../../client/ok-to-stop.ts'
import {nodeLabel} from '../../model/ids.ts'
import {formatCount} from './count.ts'
import {labelsOf, objectsText, timeText} from './departure-view.ts'
import type {Paint} from './paint.ts'
import {renderTable} from './table.ts'

export function okToStopLines(verdict: OkToStop, paint: Paint): readonly string[] {
  return [...table(verdict), '', ...lines(verdict, paint)]
}

function table({nodes}: OkToStop): readonly string[] {
  return renderTable(nodes, [
    {
      heading: 'NODE',
      cell: (node) => `${nodeLabel(node.role, node.id)}${node.isPrimary ? '[P]' : ''}`,
    },
    {heading: 'NOW', cell: ({down}) => (down ? 'off' : 'up')},
    {
      heading: 'OBJECTS ONLY THERE',
      cell: (node) => onlyText(node, (size) => formatCount(size.objects)),
    },
    {heading: 'BYTES', cell: (node) => onlyText(node, (size) => formatSize(size.bytes))},
    {heading: 'OWNS NAMES', cell: ({serves}) => (serves ? 'yes' : 'no')},
  ])
}

function onlyText(
  {role, only}: Stoppable,
  pick: (only: NonNullable<Stoppable['only']>) => string,
): string {
  if (role === 'proxy') return '-'
  return only === null ? 'not known' : pick(only)
}

function lines(verdict: OkToStop, paint: Paint): readonly string[] {
  const {safe, reasons, unknown, nodes, quorum} = verdict
  const {up, voters, needed} = quorum.without
  const labels = labelsOf(nodes)
  const takesOver = nodes.some(({isPrimary}) => isPrimary) && quorum.holds
  return [
    `Majority: ${quorum.holds ? 'holds' : 'would be lost'} (${up} of ${voters} voters would be up, ${needed} needed).`,
    ...(takesOver ? ['Primary: another gateway would take over.'] : []),
    ...moveLines(verdict),
    ...unknown.map((text) => `Not known: ${text}.`),
    safe
      ? `${paint('green', 'Safe to stop')}: nothing would be missing without ${labels}. Do it: aisctl node stop ${idsOf(nodes)}`
      : `${paint('red', 'Not safe to stop')} ${labels}: ${reasons.join('; ')}. ${insteadOf(verdict)}`,
  ]
}

function idsOf(nodes: readonly Stoppable[]): string {
  return nodes.map(({id}) => id).join(' ')
}

function moveLines({toMove, moveTime, room}: OkToStop): readonly string[] {
  if (toMove.objects === 0) return []
  const takes =
    moveTime === null
      ? ''
      : `, about ${timeText(moveTime.seconds)} at the speed of ${moveTime.rebalance}`
  const moves = `To move first: ${objectsText(toMove.objects)} (${formatSize(toMove.bytes)})${takes}`
  if (room.targets === 0) return [`${moves}; no other target would be left to take them.`]
  const free = room.availableBytes
  const where = `${room.targets} other ${room.targets === 1 ? 'target' : 'targets'}`
  const fits =
    free === null
      ? `how much room ${where} have is not known`
      : `${where} have ${formatSize(free)} free${free < toMove.bytes ? ': NOT ENOUGH' : ''}`
  return [`${moves}; ${fits}.`]
}

function insteadOf({nodes, quorum, room, toMove}: OkToStop): string {
  const targets = nodes.filter(({role, serves}) => role === 'target' && serves)
  if (!quorum.holds) return 'See what is missing: aisctl show cluster'
  if (targets.length === 0) {
    const rest = toMove.objects > 0 && room.targets > 0
    return rest ? 'Move the data first: aisctl rebalance start --wait' : 'See: aisctl show cluster'
  }
  if (room.targets === 0) return 'Add a target first: its objects could move there.'
  return `Move the data first: aisctl node maintenance start ${idsOf(targets)} --wait`
}
