/** The last words of `playground up`: what runs, where, what it survives, and what to type next. */

import {formatDuration, knownClusters, survivalOf} from 'aisctl/kit'
import {endpointsOf} from './plan-nodes.ts'
import type {UpResult} from './up.ts'

/** What a playground is called when nobody says otherwise. */
export const DEFAULT_NAME = 'playground'

/** Lines for a person. */
export function describeUp({record, started, created, durationMs}: UpResult): readonly string[] {
  const proxies = record.nodes.filter(({role}) => role === 'proxy').length
  const size = `${count(proxies, 'proxy', 'proxies')} and ${count(record.nodes.length - proxies, 'target', 'targets')}`
  const took = formatDuration(Math.round(durationMs / 10) * 10)
  const what = created
    ? `started in ${took}`
    : started.length === 0
      ? 'was running already; nothing was changed'
      : `repaired in ${took}: ${started.length} of ${record.nodes.length} nodes started`
  // With one known cluster no command needs to be told which.
  const others = knownClusters().clusters.length > 1
  const which = others ? ` --cluster ${record.name}` : ''
  const named = record.name === DEFAULT_NAME ? '' : ` --name ${record.name}`
  return [
    `Playground ${record.name} (${size}) ${what}.`,
    `Gateways: ${endpointsOf(record).join(' ')}`,
    ...survivalLines(record),
    `It serves. Look: aisctl show cluster${which} · use: aisctl bucket create b1${which} · end: aisctl playground down${named}`,
  ]
}

/** How many failures it survives, and what is odd about that. */
function survivalLines({name, nodes}: UpResult['record']): readonly string[] {
  const planned = nodes.map(({id, role}) => ({id, role, electable: true}))
  const {cluster, buckets, warning} = survivalOf(planned)
  const more = `Try it with more: aisctl playground up --proxies 3 --targets 4 --name ${name}-2`
  return [cluster, buckets, ...(warning === null ? [] : [`Warning: ${warning.what}. ${more}`])]
}

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`
}
