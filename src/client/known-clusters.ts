/**
 * The clusters that this operator's machine knows: a name, gateways to ask, and where it came from.
 * One file per cluster, replaced by rename, so that two commands never spoil each other's entry. It
 * is a cache: the cluster itself holds the truth.
 */

import {mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {AisError} from '../base/errors.ts'
import {configDir} from './state-dir.ts'

/**
 * `playground`: processes of this machine. `deployed`: hosts with systemd. `added`: only its URL is
 * known.
 */
export type ClusterKind = 'playground' | 'deployed' | 'added'

export interface KnownCluster {
  readonly format: 1
  readonly name: string
  readonly uuid: string
  readonly kind: ClusterKind
  /** URLs of gateways, asked in this order. Invariant: at least one. */
  readonly endpoints: readonly string[]
  /** The topology file that `deploy` used, when there is one. */
  readonly topologyFile?: string
}

const CLUSTER_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** Whether the text can name a cluster (it is also a file name). */
export function isClusterName(text: string): boolean {
  return CLUSTER_NAME.test(text) && !text.includes('..')
}

/** Writes or replaces the entry. */
export function rememberCluster(cluster: Omit<KnownCluster, 'format'>): void {
  if (!isClusterName(cluster.name)) {
    throw new AisError({
      code: 'BAD_NAME',
      message: `cluster name ${JSON.stringify(cluster.name)} is not valid`,
      hint: 'use letters, digits, "-", "_" and ".", at most 64, the first a letter or digit',
    })
  }
  const directory = clustersDir()
  mkdirSync(directory, {recursive: true, mode: 0o700})
  const file = join(directory, `${cluster.name}.json`)
  const next = `${file}.${process.pid}.new`
  writeFileSync(next, `${JSON.stringify({format: 1, ...cluster}, null, 2)}\n`, {mode: 0o600})
  renameSync(next, file)
}

/** Removes the entry; nothing happens when there is none. */
export function forgetCluster(name: string): void {
  if (isClusterName(name)) rmSync(join(clustersDir(), `${name}.json`), {force: true})
}

/** All entries, by name. An entry that cannot be read is left out and named in `unreadable`. */
export function knownClusters(): {
  readonly clusters: readonly KnownCluster[]
  readonly unreadable: readonly string[]
} {
  const clusters: KnownCluster[] = []
  const unreadable: string[] = []
  for (const file of filesOf(clustersDir())) {
    const entry = readEntry(join(clustersDir(), file))
    if (entry === undefined) unreadable.push(join(clustersDir(), file))
    else clusters.push(entry)
  }
  return {clusters, unreadable}
}

function clustersDir(): string {
  return join(configDir(), 'clusters')
}

function filesOf(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith('.json'))
      .toSorted()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function readEntry(file: string): KnownCluster | undefined {
  try {
    const value = JSON.parse(readFileSync(file, 'utf8')) as Partial<KnownCluster>
    const sound =
      value.format === 1 && typeof value.name === 'string' && Array.isArray(value.endpoints)
    return sound && value.endpoints.length > 0 ? (value as KnownCluster) : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
