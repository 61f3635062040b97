/** What a restore would do, and what the hosts keep, as an operator reads it before agreeing. */

import {nodeLabel} from '../../model/ids.ts'
import type {RestoreView} from '../../ops/state/restore.ts'
import {lineDiff} from '../../ops/line-diff.ts'
import {topologyFileText} from '../../ops/topology/file-text.ts'

/** What the command says of itself. */
export const RESTORE_HELP = `For a cluster whose gateways have all lost their state: looks at every host, shows what the backup
holds against what they keep, and asks. Then one gateway gets the newest record that is left, in the
backup or on a node, and leads by a forced recovery; all others join it. Objects stay where they
lie. Refused while a majority lives, or may live on hosts that cannot be asked. What the cluster
decided after that record (new buckets, settings) is lost.`

/** The facts of it, for `--json`. */
export function shownOf({verdict, survey, backup}: RestoreView): Record<string, unknown> {
  const {record, fromSurvivor, leader, keepers, buckets, members} = verdict
  return {
    cluster: backup.state.topology.cluster,
    made: backup.made,
    record: {epoch: record.epoch, index: record.index},
    fromSurvivor,
    leader: leader.id,
    keepers,
    buckets,
    members,
    silent: Object.fromEntries(survey.silent),
  }
}

export function restoreLines(view: RestoreView): string[] {
  const {verdict, survey, backup} = view
  const {record, leader, keepers, buckets, members} = verdict
  const source = verdict.fromSurvivor ? 'of a node that still keeps it' : 'of the backup'
  return [
    `The backup is of ${backup.made}, generation ${backup.state.generation}.`,
    ...topologyLines(view),
    ...[...survey.silent].map(([host, why]) => `${host} was not asked: ${why}`),
    `${keepers.length === 0 ? 'No node keeps' : `${keepers.join(', ')} keep`} a record.`,
    `The record ${record.epoch}.${record.index} ${source} would count: ${members} members, ${buckets} buckets.`,
    `${nodeLabel('proxy', leader.id)} on ${leader.host} would take it and lead; all others join it.`,
    'What was decided after that record is lost; objects stay where they lie.',
  ]
}

/** How the topology of the backup differs from what most hosts keep now. */
function topologyLines({survey, backup}: RestoreView): string[] {
  const [kept] = survey.words
    .flatMap(({state}) => state ?? [])
    .toSorted((a, b) => b.generation - a.generation)
  if (kept === undefined) return ['The hosts keep no topology.']
  const diff = lineDiff(
    topologyFileText(kept.topology, 'topology'),
    topologyFileText(backup.state.topology, 'topology'),
  )
  if (diff.length === 0) return ['The hosts keep the same topology.']
  return [`The hosts keep another topology, generation ${kept.generation}:`, ...diff]
}
