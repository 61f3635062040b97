/** `show elections`: every change of primary that the cluster remembers, and how it stands now. */

import {AisError} from '../../base/errors.ts'
import {formatDuration} from '../../base/units.ts'
import {formatUtc} from '../../base/utc.ts'
import type {ClusterClient} from '../../client/cluster.ts'
import {downOf, gatherOverview} from '../../client/overview.ts'
import {presentText} from '../../client/survival.ts'
import {nodeLabel} from '../../model/ids.ts'
import type {ElectionNote} from '../../model/record.ts'
import {resilienceOf} from '../../model/resilience.ts'
import type {ElectionsAnswer} from '../../wire/elections.ts'
import {encodeElections} from '../../wire/elections.ts'
import {leaderlessLines, REASONS} from '../render/leader-view.ts'
import type {Paint} from '../render/paint.ts'
import {renderTable} from '../render/table.ts'
import type {Page} from './cluster-page.ts'

export interface ElectionsOptions {
  readonly paint: Paint
  /** Wall clock, ms since 1970: times of another year are shown with it. */
  readonly nowMs: number
}

/** @throws AisError UNSUPPORTED when the cluster keeps no such history */
export async function electionsPage(
  client: ClusterClient,
  {paint, nowMs}: ElectionsOptions,
): Promise<Page> {
  const overview = await gatherOverview(client)
  const {leader, smap, nodes} = overview
  if (leader === null) throw untold(overview.endpoint)
  const members = Object.values(smap.nodes)
  const resilience = resilienceOf(members, {primary: smap.primary, down: downOf(nodes)})
  const present = presentText(members, resilience)
  return {
    lines: [
      ...table(leader.elections, nowMs),
      '',
      ...(leader.live ? [`${leaderText(leader, paint)} · ${present}`] : []),
      ...leaderlessLines(overview, paint).filter((line) => line !== ''),
    ],
    json: {...encodeElections(leader), resilience: {...resilience, text: present}},
  }
}

function leaderText({primary, epoch}: ElectionsAnswer, paint: Paint): string {
  return `Primary ${paint('green', `${nodeLabel('proxy', primary)}[P]`)}, epoch ${epoch}`
}

function table(elections: readonly ElectionNote[], nowMs: number): readonly string[] {
  return renderTable(elections, [
    {heading: 'EPOCH', cell: ({epoch}) => String(epoch)},
    {heading: 'WHEN (UTC)', cell: ({atMs}) => whenText(atMs, nowMs)},
    {heading: 'PRIMARY', cell: ({primary}) => nodeLabel('proxy', primary)},
    {heading: 'BEFORE', cell: ({before}) => (before === '' ? '-' : nodeLabel('proxy', before))},
    {heading: 'REASON', cell: ({reason}) => REASONS[reason].word},
    {heading: 'VOTES', cell: ({votes, voters}) => `${votes} of ${voters}`},
    {heading: 'TOOK', cell: ({tookMs}) => formatDuration(tookMs)},
  ])
}

/** `11-21 17:00:03`, or with the year when it is another one than now. */
function whenText(atMs: number, nowMs: number): string {
  const text = formatUtc(atMs)
  return text.slice(0, 4) === formatUtc(nowMs).slice(0, 4) ? text.slice(5) : text
}

function untold(endpoint: string): AisError {
  return new AisError({
    code: 'UNSUPPORTED',
    message: `${endpoint} does not tell of its elections`,
    hint: 'see who is primary: aisctl show cluster',
  })
}
