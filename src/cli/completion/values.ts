/** Values that an argument or a flag may have, by what it is. */

import {existsSync, readdirSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {knownClusters} from '../../client/known-clusters.ts'
import {dataDir} from '../../client/state-dir.ts'
import {SETTING_KEYS, sectionOf} from '../../model/config/schema.ts'
import {mountpathsOf, namesOfCluster} from './names.ts'

/** What the shell may insert. */
export interface Candidate {
  readonly word: string
  readonly description?: string
}

export type ValueKind =
  | 'none'
  | 'node'
  | 'gateway'
  | 'host'
  | 'mountpath'
  | 'bucket'
  | 'object'
  | 'finding'
  | 'section'
  | 'setting'
  | 'cluster'
  | 'playground'
  | 'file'

export interface ValueContext {
  /** `--cluster` on the line. */
  readonly cluster: string | undefined
  readonly typed: string
  /** How long the cluster may take to answer. */
  readonly askMs: number
}

export async function valuesOf(
  kind: ValueKind,
  {cluster, typed, askMs}: ValueContext,
): Promise<readonly (Candidate | string)[] | 'files'> {
  switch (kind) {
    case 'file':
      return 'files'
    case 'node':
    case 'gateway':
      return (await namesOfCluster(cluster, askMs)).nodes
        .filter(({label}) => kind === 'node' || label.startsWith('p['))
        .map(({id, label}) => ({word: id, description: label}))
    case 'host':
      return hosts(cluster)
    case 'mountpath':
      return mountpaths(cluster, typed, askMs)
    case 'bucket':
      return (await namesOfCluster(cluster, askMs)).buckets
    case 'object':
      return (await namesOfCluster(cluster, askMs)).buckets.map((name) => `${name}/`)
    case 'finding':
      return findings()
    case 'section':
      return sections()
    case 'setting':
      return typed.includes('.') ? SETTING_KEYS.map((key) => `${key}=`) : sections()
    case 'cluster':
      return knownClusters().clusters.map(({name, kind: from}) => ({word: name, description: from}))
    case 'playground':
      return playgrounds()
    case 'none':
      return []
  }
}

/** `NODE=`, then the paths of that node. */
async function mountpaths(
  cluster: string | undefined,
  typed: string,
  askMs: number,
): Promise<readonly Candidate[]> {
  const [node = '', path] = typed.split('=')
  if (path !== undefined) {
    const paths = await mountpathsOf(cluster, node, askMs)
    return paths.map((one) => ({word: `${node}=${one}`}))
  }
  const {nodes} = await namesOfCluster(cluster, askMs)
  const targets = nodes.filter(({label}) => label.startsWith('t['))
  return targets.map(({id, label}) => ({word: `${id}=`, description: label}))
}

/** Hosts of the cluster, or of all that are known, as the states that deploy keeps name them. */
function hosts(cluster: string | undefined): readonly string[] {
  const files = knownClusters().clusters.flatMap(({name, topologyFile}) =>
    topologyFile !== undefined && (cluster === undefined || cluster === name) ? [topologyFile] : [],
  )
  return [...new Set(files.filter((file) => existsSync(file)).flatMap(hostsIn))]
}

/** Read without the schema: a TAB has no time for it, and what is no state names no hosts. */
function hostsIn(file: string): readonly string[] {
  const state = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly topology?: {readonly hosts?: readonly {readonly name: string}[]}
  }
  return (state.topology?.hosts ?? []).map(({name}) => name)
}

/** Loaded when asked for: the pages are longer than everything else here. */
async function findings(): Promise<readonly string[]> {
  const {EXPLANATIONS} = await import('../../ops/check/explain.ts')
  return Object.keys(EXPLANATIONS)
}

function sections(): readonly string[] {
  return [...new Set(SETTING_KEYS.map(sectionOf))]
}

function playgrounds(): readonly string[] {
  const directory = join(dataDir(), 'playground')
  return existsSync(directory) ? readdirSync(directory) : []
}
