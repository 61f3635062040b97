/**
 * What is deployed against the operator's file: the topology, line by line, and the settings that
 * the file names against those that the cluster has. What a deploy would refuse is told, too.
 */

import {AisError} from '../../base/errors.ts'
import {openCluster, type ClusterClient} from '../../client/cluster.ts'
import type {JsonObject, JsonValue} from '../../model/bucket.ts'
import {flattenSettings, formatSetting, parseSetting} from '../../model/config/config.ts'
import {isSettingKey, needsRestart} from '../../model/config/schema.ts'
import {isRefusal} from '../../model/ids.ts'
import {knownAs, openTopology} from '../deploy/open.ts'
import {lineDiff} from '../line-diff.ts'
import {topologyFileText} from '../topology/file-text.ts'
import {checkImmutable} from '../topology/immutable.ts'
import type {Topology} from '../topology/resolve.ts'

/** A setting that the file names and the cluster has otherwise. Values as people write them. */
export interface SettingChange {
  readonly key: string
  readonly cluster: string
  readonly file: string
  /** Nodes heed it only after a restart. */
  readonly restart: boolean
}

export interface Comparison {
  readonly cluster: string
  /** Of what is deployed, as far as this machine knows. */
  readonly generation: number
  /** Empty: the same. */
  readonly topology: readonly string[]
  /** What may not change; a deploy refuses it. */
  readonly refused: readonly string[]
  readonly settings: readonly SettingChange[]
  /** Why the settings could not be compared; '' when they were. */
  readonly silent: string
}

/** A comparison, and whom to tell what is to be changed. */
export interface Compared {
  readonly found: Comparison
  readonly client: ClusterClient
}

/** @throws AisError NOT_FOUND when this machine knows of no deploy, BAD_TOPOLOGY */
export async function readComparison(file: string): Promise<Compared> {
  const {topology, site, before} = openTopology(file, {keep: false})
  const {name} = topology.cluster
  if (before === undefined) {
    throw new AisError({
      code: 'NOT_FOUND',
      message: `this machine has not deployed ${name}`,
      hint: `deploy it: aisctl deploy -f ${file} · take it over: aisctl adopt HOST`,
    })
  }
  const client = openCluster({endpoints: knownAs(topology, site).endpoints})
  const config = await client.clusterConfig().catch(silenceOf)
  const silent = config instanceof AisError ? config.message : ''
  const found = {
    cluster: name,
    generation: before.generation,
    topology: compareTopologies(before.topology, topology),
    refused: refusedOf(before.topology, topology),
    settings: config instanceof AisError ? [] : compareSettings(config, topology.config),
    silent,
  }
  return {found, client}
}

/** Whether the file asks for nothing that is not so. */
export function isSame({topology, settings}: Comparison): boolean {
  return topology.length === 0 && settings.length === 0
}

/** Both in the same form, so that only what differs shows. */
export function compareTopologies(deployed: Topology, wanted: Topology): string[] {
  return lineDiff(topologyFileText(deployed, ''), topologyFileText(wanted, ''))
}

/** @param config of the cluster, as it tells it. @param wanted by dotted key, as written */
export function compareSettings(
  config: object,
  wanted: Readonly<Record<string, unknown>>,
): SettingChange[] {
  const has = new Map(flattenSettings(config as JsonObject))
  return Object.entries(wanted).flatMap(([key, written]): SettingChange[] => {
    if (!isSettingKey(key)) return []
    const now = valueOf(key, has.get(key))
    const then = valueOf(key, written as JsonValue)
    if (now === then) return []
    return [{key, cluster: now ?? 'not set', file: then ?? '', restart: needsRestart(key)}]
  })
}

/** Settings as `setConfig` takes them. */
export function settingsOf(changes: readonly SettingChange[]): Record<string, string> {
  return Object.fromEntries(changes.map(({key, file}) => [key, file]))
}

/** A value in the one form that all spellings of it have. */
function valueOf(key: string, raw: JsonValue | undefined): string | undefined {
  if (raw === undefined || !isSettingKey(key)) return undefined
  const parsed = parseSetting(key, raw)
  return isRefusal(parsed) ? JSON.stringify(raw) : formatSetting(key, parsed)
}

function refusedOf(deployed: Topology, wanted: Topology): string[] {
  try {
    checkImmutable(deployed, wanted)
    return []
  } catch (error) {
    if (!(error instanceof AisError)) throw error
    const problems = error.details?.['problems']
    return Array.isArray(problems) ? problems.map(String) : [error.message]
  }
}

function silenceOf(error: unknown): AisError {
  if (error instanceof AisError) return error
  throw error
}
