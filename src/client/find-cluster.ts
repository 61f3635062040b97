/**
 * Which cluster a command means: `--cluster`, AISCTL_CLUSTER, AIS_ENDPOINT, or the only known one,
 * in this order. Never guessed among several.
 */

import {AisError} from '../base/errors.ts'
import type {KnownCluster} from './known-clusters.ts'

/** What a command will talk to. `known` is absent for a bare URL that no known cluster has. */
export interface FoundCluster {
  readonly endpoints: readonly string[]
  readonly known?: KnownCluster
}

export interface FindOptions {
  /** `--cluster` or AISCTL_CLUSTER: a name or a URL. */
  readonly wanted: string | undefined
  /** AIS_ENDPOINT, as AIStore's own tools read it. */
  readonly endpoint: string | undefined
  readonly clusters: readonly KnownCluster[]
}

/** @throws AisError USAGE when there is none, or several and none was named. */
export function findCluster({wanted, endpoint, clusters}: FindOptions): FoundCluster {
  if (isSet(wanted)) return byNameOrUrl(wanted, clusters)
  if (isSet(endpoint)) return byUrl(endpoint, clusters)
  const [only, ...others] = clusters
  if (only === undefined) throw noCluster()
  if (others.length > 0) throw severalClusters(clusters)
  return {endpoints: only.endpoints, known: only}
}

function isSet(text: string | undefined): text is string {
  return text !== undefined && text !== ''
}

function byNameOrUrl(wanted: string, clusters: readonly KnownCluster[]): FoundCluster {
  const known = clusters.find(({name}) => name === wanted)
  if (known !== undefined) return {endpoints: known.endpoints, known}
  if (looksLikeUrl(wanted)) return byUrl(wanted, clusters)
  throw new AisError({
    code: 'USAGE',
    message: `no known cluster is named ${JSON.stringify(wanted)}`,
    hint:
      clusters.length === 0
        ? 'give a gateway URL: --cluster http://HOST:PORT'
        : `known: ${clusters.map(({name}) => name).join(', ')}; or give a URL: --cluster http://HOST:PORT`,
  })
}

/** `http://h:p`, `https://…` or `host:port`. */
function looksLikeUrl(text: string): boolean {
  return /^https?:\/\//.test(text) || /:\d{1,5}$/.test(text)
}

function byUrl(text: string, clusters: readonly KnownCluster[]): FoundCluster {
  const url = normalizeUrl(text)
  const known = clusters.find(({endpoints}) => endpoints.includes(url))
  if (known === undefined) return {endpoints: [url]}
  return {endpoints: [url, ...known.endpoints.filter((other) => other !== url)], known}
}

/** @throws AisError USAGE when the text is no URL of a server. */
export function normalizeUrl(text: string): string {
  const url = URL.parse(/^https?:\/\//.test(text) ? text : `http://${text}`)
  if (url !== null && url.hostname !== '') return url.origin
  throw new AisError({
    code: 'USAGE',
    message: `${JSON.stringify(text)} is not the URL of a gateway`,
    hint: 'write it as http://HOST:PORT',
  })
}

function noCluster(): AisError {
  return new AisError({
    code: 'USAGE',
    message: 'no cluster is known on this machine',
    hint: 'start one: aisctl playground up · deploy one: aisctl init · or name a gateway: --cluster http://HOST:PORT',
  })
}

function severalClusters(clusters: readonly KnownCluster[]): AisError {
  const names = clusters.map(({name}) => name)
  return new AisError({
    code: 'USAGE',
    message: `${clusters.length} clusters are known: ${names.join(', ')}`,
    hint: `say which: --cluster ${names[0]} (or AISCTL_CLUSTER=${names[0]})`,
    details: {clusters: names},
  })
}
