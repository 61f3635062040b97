/** `show job resilver`: what each target brings to the mountpaths where it belongs. */

import {formatSize} from '../../base/units.ts'
import {formatUtc} from '../../base/utc.ts'
import type {ClusterClient} from '../../client/cluster.ts'
import {mapParallel} from '../../client/cluster.ts'
import {nodeLabelOf, type Member} from '../../model/node.ts'
import type {ResilverSnap} from '../../wire/mountpaths.ts'
import {encodeResilverSnap} from '../../wire/mountpaths.ts'
import {decodeSmap} from '../../wire/smap.ts'
import {formatCount} from '../render/count.ts'
import type {Paint} from '../render/paint.ts'
import {renderTable} from '../render/table.ts'
import type {Page} from './cluster-page.ts'

export interface ResilverOptions {
  /** Those that are over, too. */
  readonly all: boolean
  readonly paint: Paint
}

interface Row {
  readonly member: Member
  readonly job: ResilverSnap
}

export async function resilverPage(
  client: ClusterClient,
  {all, paint}: ResilverOptions,
): Promise<Page> {
  const {smap} = decodeSmap(await client.smap())
  const targets = Object.values(smap.nodes).filter(
    ({role, away}) => role === 'target' && away === null,
  )
  const found = await mapParallel(targets, async (member) => ({
    member,
    job: await client.mountpaths.resilver(member.id),
  }))
  const rows = found.flatMap(({member, job}) =>
    job !== null && (all || job.endedMs === null) ? [{member, job}] : [],
  )
  return {
    lines: [...tableOf(rows), ...closing(rows, all, paint)],
    json: Object.fromEntries(rows.map(({member, job}) => [member.id, [encodeResilverSnap(job)]])),
  }
}

function tableOf(rows: readonly Row[]): readonly string[] {
  if (rows.length === 0) return []
  return renderTable(rows, [
    {heading: 'ID', cell: ({job}) => job.id},
    {heading: 'NODE', cell: ({member}) => nodeLabelOf(member)},
    {heading: 'OBJECTS', cell: ({job}) => formatCount(job.objects)},
    {heading: 'BYTES', cell: ({job}) => formatSize(job.bytes)},
    {heading: 'START', cell: ({job}) => formatUtc(job.beganMs)},
    {heading: 'END', cell: ({job}) => (job.endedMs === null ? '-' : formatUtc(job.endedMs))},
    {heading: 'STATE', cell: ({job}) => stateOf(job)},
  ])
}

function stateOf({endedMs, problem}: ResilverSnap): string {
  if (endedMs !== null) return 'Finished'
  return problem === '' ? 'Running' : 'Running, cannot end yet'
}

function closing(rows: readonly Row[], all: boolean, paint: Paint): readonly string[] {
  if (rows.length === 0) {
    const more = all ? '' : ' Those that are over: aisctl show job resilver --all'
    return [`No target resilvers.${more}`]
  }
  return rows
    .filter(({job}) => job.endedMs === null && job.problem !== '')
    .map(({member, job}) => paint('yellow', `${nodeLabelOf(member)}: ${job.problem}`))
}
