/**
 * The last words of a deploy: what was changed on each host, what is true now, what to type next.
 */

import {survivalOf, type DeployOutcome, type Topology} from 'aisctl/kit'

/** Paths shown of one host; the rest is counted. */
const PATHS_SHOWN_MAX = 12

export function deploySummary(topology: Topology, outcome: DeployOutcome, dryRun: boolean): string {
  const {name} = topology.cluster
  const total = outcome.reports.reduce((sum, {changed}) => sum + changed, 0)
  const hosts = outcome.reports.length
  if (dryRun) return [...outcome.reports.flatMap(dryLines), dryConclusion(name, total)].join('\n')
  const restarted = outcome.restarted.length
  const nodes = outcome.health?.nodes.length ?? 0
  const what =
    total === 0 && restarted === 0
      ? `0 changes on ${hosts} hosts; nothing was restarted`
      : `${total} changes on ${hosts} hosts; ${restarted} nodes restarted`
  const missing = outcome.reports.flatMap(({host, entries}) =>
    entries
      .filter(({state}) => state === 'missing')
      .map(({path}) => `${host}: ${path} is not mounted; its node serves without it`),
  )
  return [
    ...missing,
    `${what}. ${name} (uuid ${topology.cluster.uuid}) is well: ${nodes} nodes.`,
    ...survivalLines(topology),
    `Next: aisctl show cluster · aisctl bucket create ais://first · aisctl put FILE ais://first`,
  ].join('\n')
}

/** How many failures it survives; what is odd about that is among the findings. */
function survivalLines(topology: Topology): string[] {
  const {cluster, buckets} = survivalOf(topology.hosts.flatMap(({nodes}) => nodes))
  return [cluster, buckets]
}

function dryLines({host, entries, changed}: DeployOutcome['reports'][number]): string[] {
  if (changed === 0) return [`${host}: nothing to change`]
  const paths = entries
    .filter(({state}) => state === 'changed' || state === 'deferred')
    .map(({type, path}) => `  ${type} ${path}`)
  const more = paths.length - PATHS_SHOWN_MAX
  return [
    `${host}: ${changed} would change`,
    ...paths.slice(0, PATHS_SHOWN_MAX),
    ...(more > 0 ? [`  … and ${more} more (--json lists all)`] : []),
  ]
}

function dryConclusion(name: string, total: number): string {
  return total === 0
    ? `${name}: nothing to change.`
    : `${name}: ${total} changes; nothing was written. Make them: aisctl deploy`
}
