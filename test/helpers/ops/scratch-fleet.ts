/** Scratch hosts as the fleet of a topology: what a run does to hosts, played on this machine. */

import {join} from 'node:path'
import {defined} from '../../../src/base/assert.ts'
import type {Fleet} from '../../../src/ops/fleet.ts'
import type {Host} from '../../../src/ops/host/host.ts'
import type {Topology} from '../../../src/ops/topology/resolve.ts'
import {topologyOf} from './sample-topology.ts'
import {scratchHost, type ScratchHost} from './scratch-host.ts'

export interface ScratchFleet extends Fleet {
  readonly scratch: ReadonlyMap<string, ScratchHost>
  at(name: string): ScratchHost
}

/** A gateway and a target on each host. */
export function topologyWith(names: readonly string[]): Topology {
  const hosts = names.map(
    (name, index) => `  - name: ${name}
    address: 10.0.0.${index + 1}
    nodes:
      - role: proxy
      - role: target
        mountpaths: [{path: /ais/mp1}]
`,
  )
  const head = 'format: 1\ncluster: {name: sample}\nssh: {user: root}\nhosts:\n'
  return topologyOf(`${head}${hosts.join('')}`)
}

export const THREE_HOSTS = topologyWith(['h1', 'h2', 'h3'])

/** @param directory of the test; empty, or of an earlier fleet that goes on */
export function scratchFleet(directory: string, topology: Topology = THREE_HOSTS): ScratchFleet {
  const scratch = new Map(
    topology.hosts.map(({name}) => [name, scratchHost(join(directory, name), name)]),
  )
  const at = (name: string): ScratchHost => defined(scratch.get(name), `${name} is a host`)
  let run: string | undefined
  const hostOf = (name: string): Host => {
    return {
      ...at(name).host,
      get runId() {
        return run
      },
    }
  }
  return {
    topology,
    scratch,
    at,
    host: hostOf,
    enter: (id) => {
      run = id
    },
    close: () => Promise.resolve(),
  }
}
