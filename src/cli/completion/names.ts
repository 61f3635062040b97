/**
 * Names of nodes and buckets for completion: from the cluster when it answers at once, else from
 * the last time that it did. Wrong names cost a TAB, waiting costs patience.
 */

import {mkdirSync, readFileSync, renameSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {AisError} from '../../base/errors.ts'
import {findCluster} from '../../client/find-cluster.ts'
import {knownClusters} from '../../client/known-clusters.ts'
import {probe} from '../../client/probe.ts'
import {cacheDir} from '../../client/state-dir.ts'
import {nodeLabel} from '../../model/ids.ts'

/** Names younger than this are not asked for again. */
const FRESH_MS = 2_000

export interface Names {
  readonly nodes: readonly {readonly id: string; readonly label: string}[]
  /** `ais://photos`. */
  readonly buckets: readonly string[]
}

interface Cached extends Names {
  readonly atMs: number
}

const NO_NAMES: Names = {nodes: [], buckets: []}

/** @param wanted `--cluster`; absent: as every command finds its cluster */
export async function namesOfCluster(wanted: string | undefined, askMs: number): Promise<Names> {
  const endpoint = endpointOf(wanted)
  if (endpoint === undefined) return NO_NAMES
  const file = join(cacheDir(), 'names', `${endpoint.replace(/[^A-Za-z0-9.]/g, '-')}.json`)
  const cached = readCached(file)
  if (cached !== undefined && Date.now() - cached.atMs < FRESH_MS) return cached
  const names = await ask(endpoint, askMs)
  if (names === undefined) return cached ?? NO_NAMES
  writeCached(file, {...names, atMs: Date.now()})
  return names
}

/** Paths of one target, in whatever state; none when it does not answer at once. */
export async function mountpathsOf(
  wanted: string | undefined,
  nodeId: string,
  askMs: number,
): Promise<readonly string[]> {
  const endpoint = endpointOf(wanted)
  if (endpoint === undefined) return []
  const url = `${endpoint}/v1/cluster?what=mountpaths`
  const answer = await probe(url, askMs)
  if (answer?.status !== 200) return []
  try {
    const {targets = {}} = JSON.parse(answer.text) as {targets?: Record<string, PathLists>}
    const {available = [], waiting_dd: waiting = [], disabled = []} = targets[nodeId] ?? {}
    return [...available, ...waiting, ...disabled]
  } catch (error) {
    if (error instanceof SyntaxError) return []
    throw error
  }
}

interface PathLists {
  readonly available?: readonly string[]
  readonly waiting_dd?: readonly string[]
  readonly disabled?: readonly string[]
}

function endpointOf(wanted: string | undefined): string | undefined {
  try {
    const found = findCluster({
      wanted: wanted ?? process.env['AISCTL_CLUSTER'],
      endpoint: process.env['AIS_ENDPOINT'],
      clusters: knownClusters().clusters,
    })
    return found.endpoints[0]
  } catch (error) {
    // No cluster, or several: nothing to complete, and no place for an error.
    if (error instanceof AisError) return undefined
    throw error
  }
}

async function ask(endpoint: string, askMs: number): Promise<Names | undefined> {
  const [map, list] = await Promise.all([
    probe(`${endpoint}/v1/daemon?what=smap`, askMs),
    probe(`${endpoint}/v1/buckets?presence=2`, askMs),
  ])
  if (map?.status !== 200 || list?.status !== 200) return undefined
  try {
    return {nodes: nodesOf(map.text), buckets: bucketsOf(list.text)}
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Ids alone are read, so the numbers of the map may lose their last digits here. */
function nodesOf(text: string): Names['nodes'] {
  const {pmap = {}, tmap = {}} = JSON.parse(text) as {pmap?: object; tmap?: object}
  const label = (role: 'proxy' | 'target') => (id: string) => ({id, label: nodeLabel(role, id)})
  return [...Object.keys(pmap).map(label('proxy')), ...Object.keys(tmap).map(label('target'))]
}

function bucketsOf(text: string): readonly string[] {
  const list = JSON.parse(text) as readonly {name?: string; provider?: string}[]
  return list.map(({name = '', provider = 'ais'}) => `${provider}://${name}`)
}

function readCached(file: string): Cached | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Cached
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    if (missing || error instanceof SyntaxError) return undefined
    throw error
  }
}

function writeCached(file: string, names: Cached): void {
  mkdirSync(join(file, '..'), {recursive: true, mode: 0o700})
  writeFileSync(`${file}.${process.pid}`, JSON.stringify(names), {mode: 0o600})
  renameSync(`${file}.${process.pid}`, file)
}
