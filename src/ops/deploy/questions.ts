/** What must be known about a host before anything is decided: one question, asked in one exec. */

import type {FactsQuestion} from '../host/facts.ts'
import {bundlePath, CLUSTER_KEY, runtimePath, type ReleaseFact} from '../host/manifest.ts'
import type {RuntimeFact} from '../host/manifest.ts'
import {addressesOf, portsOf, type TopologyHost} from '../topology/resolve.ts'

/**
 * @param runtimes of every architecture that can be shipped: which one the host needs is not known
 * yet
 */
export function questionFor(
  host: TopologyHost,
  runtimes: readonly RuntimeFact[],
  release: ReleaseFact | undefined,
): FactsQuestion {
  const payload = runtimes.flatMap((runtime) => [
    runtimePath(runtime),
    ...(release === undefined ? [] : [bundlePath(release, runtime)]),
  ])
  return {
    hashes: [`/etc/aisnode/secrets/${CLUSTER_KEY}`],
    // Named by their hash, and hashed when the manifest is compared.
    files: payload,
    mounts: host.nodes.flatMap((node) => node.mountpaths.map(({path}) => path)),
    addresses: addressesOf(host),
    ports: [...new Set(host.nodes.flatMap(portsOf))],
  }
}
