/**
 * What one deploy works with: the topology, the site, the payload, and what it has learnt about the
 * hosts so far. Plan steps read and fill it; manifests are made from it.
 */

import type {HostFacts} from '../host/facts.ts'
import {
  bundlePath,
  CLUSTER_KEY,
  makeManifest,
  runtimePath,
  sha256,
  type Manifest,
  type RuntimeFact,
} from '../host/manifest.ts'
import type {Frame} from '../host/script.ts'
import {encodingFor, packedFrame} from '../payload/packed-file.ts'
import {unitFiles} from '../payload/package-root.ts'
import type {Release} from '../payload/release.ts'
import type {Payload} from '../payload/payload.ts'
import type {Runtime} from '../payload/runtime.ts'
import {formatSavedState, parseSavedState, type SavedState} from '../site/site.ts'
import type {Topology, TopologyHost} from '../topology/resolve.ts'

/** Fixed for the whole run. */
export interface Deployment {
  readonly topology: Topology
  readonly payload: Payload
  readonly release: Release
  readonly clusterKey: string
  readonly runtimes: Map<string, Promise<Runtime>>
  /** Payload being packed or packed, by hash and encoding: once for all hosts. */
  readonly packed: Map<string, Promise<Frame>>
  readonly facts: Map<string, HostFacts>
  readonly saved: Map<string, SavedState>
}

export function newDeployment(
  topology: Topology,
  payload: Payload,
  clusterKey: string,
): Deployment {
  return {
    topology,
    payload,
    release: payload.release,
    clusterKey,
    runtimes: new Map(),
    packed: new Map(),
    facts: new Map(),
    saved: new Map(),
  }
}

/** The runtime of an architecture; found, stripped and hashed once for all hosts. */
export function runtimeFor(deployment: Deployment, arch: string): Promise<Runtime> {
  const found = deployment.runtimes.get(arch) ?? deployment.payload.runtime(arch)
  deployment.runtimes.set(arch, found)
  return found
}

/** Keeps what a host said, its saved state included. */
export function learnFacts(deployment: Deployment, host: string, facts: HostFacts): void {
  deployment.facts.set(host, facts)
  if (facts.savedState === undefined) return
  deployment.saved.set(
    host,
    parseSavedState(facts.savedState, `${host}:/var/lib/aisctl/topology.json`),
  )
}

/**
 * The state that this deploy leaves on hosts. Its generation grows by one when the topology differs
 * from the newest that any host has, and stays when it does not.
 */
export function stateToSave(
  topology: Topology,
  states: readonly (SavedState | undefined)[],
): SavedState {
  const newest = newestState(states)
  const same = newest !== undefined && sameTopology(newest.topology, topology)
  const generation = (newest?.generation ?? 0) + (same ? 0 : 1)
  return {format: 1, generation, topology}
}

/** The state with the highest generation. */
export function newestState(states: readonly (SavedState | undefined)[]): SavedState | undefined {
  return states.reduce(
    (best, state) =>
      state !== undefined && state.generation > (best?.generation ?? 0) ? state : best,
    undefined,
  )
}

/** The manifest of one host. */
export function manifestOf(
  deployment: Deployment,
  host: TopologyHost,
  runtime: RuntimeFact,
  state: SavedState,
): Manifest {
  const {topology, release, clusterKey} = deployment
  return makeManifest(host, {
    topology,
    release: {version: release.version, sha256: release.sha256},
    runtime: {arch: runtime.arch, version: runtime.version, sha256: runtime.sha256},
    units: unitFiles(),
    clusterKeySha256: sha256(clusterKey),
    savedState: formatSavedState(state),
  })
}

/**
 * Frames for what the host lacks of runtime and bundle.
 * @param all send both, whatever the host seems to have
 */
export async function missingPayload(
  deployment: Deployment,
  host: TopologyHost,
  {runtime, all}: {readonly runtime: Runtime; readonly all: boolean},
): Promise<readonly Frame[]> {
  const facts = deployment.facts.get(host.name)
  const {release} = deployment
  const encoding = encodingFor(facts?.tools ?? [])
  const wanted = [
    {path: runtimePath(runtime), file: runtime.file, sha256: runtime.sha256},
    {path: bundlePath(release, runtime), file: release.file, sha256: release.sha256},
  ]
  const lacking = wanted.filter(({path}) => all || facts?.files.includes(path) !== true)
  return Promise.all(
    lacking.map(({file, sha256: hash}) => {
      const key = `${hash} ${encoding}`
      const frame = deployment.packed.get(key) ?? packedFrame(file, hash, encoding)
      deployment.packed.set(key, frame)
      return frame
    }),
  )
}

/** Secrets that must travel to the host: none when it has them. */
export function missingSecrets(deployment: Deployment, host: TopologyHost): Record<string, string> {
  const have = deployment.facts.get(host.name)?.hashes[`/etc/aisnode/secrets/${CLUSTER_KEY}`]
  return have === sha256(deployment.clusterKey) ? {} : {[CLUSTER_KEY]: deployment.clusterKey}
}

function sameTopology(a: Topology, b: Topology): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
