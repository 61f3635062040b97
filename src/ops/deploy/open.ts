/**
 * From a topology file to what commands work with. The uuid comes from the file, else from the
 * deploy before, else it is made: once, kept before any host hears of it.
 */

import {readFileSync} from 'node:fs'
import {basename} from 'node:path'
import {AisError} from '../../base/errors.ts'
import type {KnownCluster} from '../../client/known-clusters.ts'
import {publicUrl} from '../cluster/health.ts'
import {
  keepUuid,
  newUuid,
  parseSavedState,
  readSite,
  siteOf,
  siteUuid,
  type SavedState,
  type Site,
} from '../site/site.ts'
import {readTopology} from '../topology/read.ts'
import {keepRemoved} from '../topology/removed.ts'
import {nodesOf, resolveTopology, type Topology} from '../topology/resolve.ts'

export interface OpenedTopology {
  readonly topology: Topology
  readonly site: Site
  /** The state of the last deploy from this machine. */
  readonly before: SavedState | undefined
}

export interface OpenOptions {
  /** Write a new uuid down; false for commands that change nothing. */
  readonly keep: boolean
  /** Places (HOST/INSTANCE) of nodes that have left and are to come back. */
  readonly back?: ReadonlySet<string>
}

/** The operator's topology; nodes that have left stay so, whatever the file says of them. */
export function openTopology(file: string, {keep, back}: OpenOptions): OpenedTopology {
  const source = readTopology(readText(file), basename(file))
  const {name, uuid: written} = source.file.cluster
  const site = siteOf(name)
  const before = readSite(site)
  const uuid = written ?? before?.topology.cluster.uuid ?? siteUuid(site) ?? newUuid()
  const topology = keepRemoved(before?.topology, resolveTopology(source, uuid), back)
  if (keep) keepUuid(site, uuid)
  return {topology, site, before}
}

/**
 * The topology as it is deployed: `file` is the state that deploy keeps, or the operator's own file
 * of a cluster that this machine has deployed.
 */
export function openDeployed(file: string): OpenedTopology {
  const text = readText(file)
  const state = file.endsWith('.json')
    ? parseSavedState(text, file)
    : readSite(siteOf(readTopology(text, basename(file)).file.cluster.name))
  if (state === undefined) {
    throw new AisError({
      code: 'NOT_FOUND',
      message: `${file}: this machine has not deployed that cluster`,
      hint: `aisctl deploy -f ${file}`,
    })
  }
  return {topology: state.topology, site: siteOf(state.topology.cluster.name), before: state}
}

/** The cluster of `openDeployed`'s file as it is known to commands. */
export function clusterOf(file: string): KnownCluster {
  const {topology, site} = openDeployed(file)
  return knownAs(topology, site)
}

/** What this machine keeps of a deployed cluster, so that commands find it by name. */
export function knownAs(topology: Topology, site: Site): KnownCluster {
  return {
    format: 1,
    name: topology.cluster.name,
    uuid: topology.cluster.uuid,
    kind: 'deployed',
    endpoints: nodesOf(topology)
      .filter(({role}) => role === 'proxy')
      .map((node) => publicUrl(topology, node)),
    topologyFile: site.stateFile,
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'EISDIR' && code !== 'EACCES') throw error
    throw new AisError(
      {
        code: 'NOT_FOUND',
        message: `cannot read ${file}: ${code === 'ENOENT' ? 'there is no such file' : code}`,
        hint: 'write one: aisctl init · or name another: -f FILE',
      },
      error,
    )
  }
}
