/** Topologies and manifests that tests of `ops` start from. */

import {makeManifest, sha256, type Manifest} from '../../../src/ops/host/manifest.ts'
import {unitFiles} from '../../../src/ops/payload/package-root.ts'
import {readTopology} from '../../../src/ops/topology/read.ts'
import {resolveTopology, type Topology} from '../../../src/ops/topology/resolve.ts'
import {SECRETS} from './scratch-host.ts'

export const UUID = 'abcdefghij'
/** What stands for Node.js and for the daemon. */
export const RUNTIME_TEXT = 'a runtime'
export const BUNDLE_TEXT = 'a bundle'

/** One gateway and two targets, on two hosts. */
export const TOPOLOGY = `format: 1
cluster: {name: sample}
ssh: {user: root}
hosts:
  - name: h1
    address: 10.0.0.1
    nodes:
      - role: proxy
      - role: target
        mountpaths: [{path: /ais/mp1}, {path: /ais/mp2}]
      - role: target
        mountpaths: [{path: /ais/mp3}]
  - name: h2
    address: fd00::2
    nodes:
      - role: target
        mountpaths: [{path: /ais/mp1, disk: UUID=1234-ABCD, label: fast}]
`

export function topologyOf(text = TOPOLOGY): Topology {
  return resolveTopology(readTopology(text, 'topology.yaml'), UUID)
}

export interface ManifestOverrides {
  readonly topology?: Topology
  readonly host?: string
  readonly bundle?: string
}

export function manifestFor(overrides: ManifestOverrides = {}): Manifest {
  const topology = overrides.topology ?? topologyOf()
  const host = topology.hosts.find(({name}) => name === (overrides.host ?? 'h1'))
  if (host === undefined) throw new Error('the sample has no such host')
  return makeManifest(host, {
    topology,
    release: {version: '1.2.3', sha256: sha256(overrides.bundle ?? BUNDLE_TEXT)},
    runtime: {arch: 'x64', version: '24.0.0', sha256: sha256(RUNTIME_TEXT)},
    units: unitFiles(),
    clusterKeySha256: sha256(SECRETS['cluster-key']),
    savedState: '{"generation": 1}\n',
  })
}
