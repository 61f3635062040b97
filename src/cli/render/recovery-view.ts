/** A recovery without a majority as an operator reads it before agreeing to it. */

import {formatDuration} from '../../base/units.ts'
import {formatCount} from './count.ts'
import type {Recovered} from '../../client/recover.ts'
import type {RecoveryPicture} from '../../client/recovery-picture.ts'
import type {RecoveryPlan} from '../../client/recovery-plan.ts'
import {nodeLabel} from '../../model/ids.ts'
import {paragraph} from './paragraph.ts'
import {renderTable} from './table.ts'

/** What the command says of itself. */
export const RECOVER_HELP = [
  paragraph(
    'For the loss of more than half of the voters: asks every known node where it stands and',
    'shows which record would count from then on, who would lead, which nodes leave the vote,',
    'and what may be lost. Without --force nothing is done, and the exit code is 4.',
  ),
  paragraph(
    'With --force it asks for the name of the cluster, orders the recovery and waits until the',
    'survivors follow. It is refused while a majority lives, while a node hears a primary, and',
    'while a node that would be dropped answers: there can never be two leaders. Dropped nodes',
    'that come back are taken in again; nothing is removed.',
  ),
].join('\n\n')

/** Everything that was heard: who answers, who votes, which records. */
export function pictureLines(
  {nodes}: RecoveryPicture,
  plan: RecoveryPlan | null,
): readonly string[] {
  return renderTable(nodes, [
    {
      heading: 'NODE',
      cell: ({member}) =>
        `${nodeLabel(member.role, member.id)}${member.role === 'proxy' && !member.electable ? '[n/e]' : ''}`,
    },
    {heading: 'ANSWERS', cell: ({answer}) => (answer === null ? 'no' : 'yes')},
    {heading: 'VOTE', cell: ({member}) => voteOf(member, plan)},
    {heading: 'ACCEPTED', cell: ({answer}) => markText(answer?.accepted)},
    {heading: 'COMMITTED', cell: ({answer}) => markText(answer?.committed)},
    {heading: 'OBJECTS', cell: ({answer}) => objectsText(answer?.objects)},
  ])
}

function voteOf(
  member: RecoveryPicture['nodes'][number]['member'],
  plan: RecoveryPlan | null,
): string {
  if (!member.voter) return 'none'
  if (plan === null) return 'yes'
  return plan.survivors.includes(member.id) ? 'stays' : 'loses'
}

function markText(
  mark: {readonly epoch: number; readonly index: number} | null | undefined,
): string {
  return mark == null ? '-' : `${mark.epoch}.${mark.index}`
}

function objectsText(objects: number | null | undefined): string {
  return objects == null ? '-' : formatCount(objects)
}

/** What would be done, and what it costs; no line is wider than a small terminal likes. */
export function planLines(plan: RecoveryPlan): readonly string[] {
  const {voters, needed, survivors, record, holders, epoch, leader, dropped} = plan
  return [
    `${survivors.length} of ${voters} voters answer, ${needed} are needed: no majority.`,
    '',
    `Takes:  record ${markText(record)}, held by ${holders.length} of ${survivors.length} survivors (${holders[0] ?? ''} first):`,
    '        members, buckets and settings as they stand there',
    `Leads:  ${nodeLabel('proxy', leader.id)}, in epoch ${epoch} or later`,
    `Drops:  ${dropped.map(({label}) => label).join(', ')}`,
    '        from the vote. Nothing is removed: who comes back is taken in again.',
    ...lossLines(plan),
  ]
}

function lossLines({record, mayLose, dropped, voters, needed}: RecoveryPlan): readonly string[] {
  const changes = mayLose
    ? [
        `Loses:  changes after record ${markText(record)}, if there were any that ${needed} of the ${dropped.length} dropped`,
        '        nodes acknowledged among themselves: buckets, settings, members',
      ]
    : [`Loses:  no acknowledged change: any ${needed} of ${voters} voters include a survivor`]
  const targets = dropped.filter(({label}) => label.startsWith('t['))
  if (targets.length === 0) return changes
  const known = targets.flatMap(({objectsAbout}) => objectsAbout ?? [])
  const sum = known.reduce((all, one) => all + one, 0)
  const about = known.length === 0 ? 'an unknown number of' : `about ${formatCount(sum)}`
  return [
    ...changes,
    `        ${about} objects of ${targets.map(({label}) => label).join(', ')}`,
    '        answer 503 until these are back (counted by the average of the others)',
  ]
}

/** What is true after it. */
export function doneLines(plan: RecoveryPlan, done: Recovered): readonly string[] {
  const {primary, epoch, index, tookMs} = done
  const took = formatDuration(Math.round(tookMs))
  return [
    `${nodeLabel('proxy', primary)} is the primary, with record ${markText({epoch, index})}. It took ${took}.`,
    `All ${plan.survivors.length} survivors follow, and changes go on. Taken in again when they come back:`,
    `${plan.dropped.map(({label}) => label).join(', ')}.`,
    'See it: aisctl show elections · aisctl show cluster',
  ]
}
