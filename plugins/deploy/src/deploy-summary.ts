/**
 * The last words of a deploy: what was changed on each host, what is true now, what to type next.
 */

import {survivalOf, type DeployOutcome, type Topology} from 'aisctl/kit'

export function deploySummary(topology: Topology, outcome: DeployOutcome, dryRun: boolean): string {
  const {name} = topology.cluster
  const total = outcome.reports.reduce((sum, {changed}) => sum + changed, 0)
  const hosts = outcome.reports.length
  if (dryRun) {
    const linesOf = (host: string): readonly string[] =>
      outcome.changes?.find((one) => one.host === host)?.lines ?? []
    const hostLines = outcome.reports.flatMap((report) => dryLines(report, linesOf(report.host)))
    return [...hostLines, dryConclusion(name, total)].join('\n')
  }
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

function dryLines(
  {host, changed}: DeployOutcome['reports'][number],
  lines: readonly string[],
): string[] {
  if (changed === 0) return [`${host}: nothing to change`]
  return [`${host}: ${changed} would change`, ...lines.map((line) => `  ${line}`)]
}

function dryConclusion(name: string, total: number): string {
  return total === 0
    ? `${name}: nothing to change.`
    : `${name}: ${total} changes; nothing was written. Make them: aisctl deploy`
}
