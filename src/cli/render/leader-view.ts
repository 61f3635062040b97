/**
 * Who leads, in words: the reasons of elections, and what is said while nobody leads. A hint to
 * force a recovery is given only where no majority can come together by itself.
 */

import type {ClusterOverview} from '../../client/overview.ts'
import {downOf} from '../../client/overview.ts'
import {nodeLabel} from '../../model/ids.ts'
import {isVoter} from '../../model/node.ts'
import type {ElectionReason} from '../../model/record.ts'
import {resilienceOf} from '../../model/resilience.ts'
import {formatUtc} from '../../base/utc.ts'
import type {Paint} from './paint.ts'

/** Short enough for a column, and what each means. */
export const REASONS: Readonly<
  Record<ElectionReason, {readonly word: string; readonly means: string}>
> = {
  'founded': {word: 'founded', means: 'the cluster was formed'},
  'silent': {
    word: 'was silent',
    means: 'the one before was not heard for 3 s, as elections wait',
  },
  'gone': {
    word: 'process gone',
    means: 'its process had ended: it refused new connections',
  },
  'handed-over': {
    word: 'handed over',
    means: 'by set-primary, or by an ordered stop of the one before',
  },
  'again': {word: 'again', means: 'the same gateway, after a restart or a higher epoch'},
  'recovered': {word: 'by force', means: 'by cluster recover --force, without a majority'},
}

/** Lines above the summary while nothing can be changed; none while something can. */
export function leaderlessLines(overview: ClusterOverview, paint: Paint): readonly string[] {
  const {leader, smap, nodes} = overview
  if (leader === null) return []
  const members = Object.values(smap.nodes)
  const down = downOf(nodes)
  const label = nodeLabel('proxy', leader.primary)
  const why = waitingFor(members, down)
  if (leader.live) {
    const {up, needed} = resilienceOf(members, {primary: smap.primary, down})
    const what = paint('red', 'No majority at present')
    return up >= needed ? [] : [`${what}: ${label} can change nothing.`, ...why, '']
  }
  const since = leader.sinceMs === null ? '' : `, since ${formatUtc(leader.sinceMs)} UTC`
  const told =
    leader.waiting === '' ? [] : [`   ${nodeLabel('proxy', leader.node)} ${leader.waiting}`]
  return [
    `${paint('red', 'No primary at present')}${since}: nothing can be changed. The last one was ${label}.`,
    ...told,
    ...why,
    '',
  ]
}

type Members = readonly ClusterOverview['nodes'][number]['member'][]

function waitingFor(members: Members, down: ReadonlySet<string>): readonly string[] {
  const {voters, needed, up, electableUp, sole} = resilienceOf(members, {primary: null, down})
  const missing = members
    .filter((member) => isVoter(member) && down.has(member.id))
    .map(({role, id}) => nodeLabel(role, id))
  if (up >= needed && electableUp > 0) {
    return [
      `   ${up} of ${voters} voters answer, ${needed} are needed: one will be elected by itself.`,
    ]
  }
  const why =
    sole !== null
      ? `${nodeLabel('proxy', sole)} alone may lead, and it does not answer.`
      : electableUp === 0
        ? 'No gateway that may lead answers.'
        : `${up} of ${voters} voters answer, ${needed} are needed.`
  return [
    `   ${why} Start what is missing: ${missing.join(', ')}.`,
    '   Only if too many of them will never come back: aisctl cluster recover',
  ]
}
