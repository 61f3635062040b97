/**
 * The hosts of one topology, each connected when it is first needed, once, until all are closed.
 */

import {AisError} from '../base/errors.ts'
import type {Host} from './host/host.ts'
import {sshHost} from './host/ssh-host.ts'
import {sudoPassword, type SudoPassword} from './host/sudo-password.ts'
import type {Site} from './site/site.ts'
import type {Topology, TopologyHost} from './topology/resolve.ts'

export interface FleetOptions {
  readonly site: Site
  /** Write down unknown host keys instead of stopping. */
  readonly acceptNew?: boolean
  /** Asks for the sudo password, once for all hosts. Absent: there is nobody to ask. */
  readonly askSecret?: (question: string) => Promise<string>
}

export interface Fleet {
  readonly topology: Topology
  /** The host of that name; connects with its first command. */
  host(name: string): Host
  /** From now on scripts that change hosts belong to this run; undefined: to none. */
  enter(run: string | undefined): void
  close(): Promise<void>
}

export function openFleet(topology: Topology, options: FleetOptions): Fleet {
  const open = new Map<string, Host>()
  const sudo = sudoFor(topology, options.askSecret)
  let run: string | undefined
  const inRun = (host: Host): Host => ({
    ...host,
    get runId() {
      return run
    },
  })
  return {
    topology,
    host: (name) => {
      const host = open.get(name) ?? inRun(connect(hostOf(topology, name), topology, options, sudo))
      open.set(name, host)
      return host
    },
    enter: (id) => {
      run = id
    },
    close: async () => {
      await Promise.all([...open.values()].map((host) => host.close()))
      open.clear()
    },
  }
}

/** The host of a topology by its name. */
export function hostOf(topology: Topology, name: string): TopologyHost {
  const host = topology.hosts.find((candidate) => candidate.name === name)
  if (host !== undefined) return host
  throw new AisError({code: 'NOT_FOUND', message: `${topology.cluster.name} has no host ${name}`})
}

function connect(
  host: TopologyHost,
  topology: Topology,
  options: FleetOptions,
  sudo: SudoPassword | undefined,
): Host {
  return sshHost(host.address, {
    name: host.name,
    settings: topology.ssh,
    ownKnownHosts: options.site.knownHosts,
    acceptNew: options.acceptNew ?? false,
    ...(host.hostKey === undefined ? {} : {hostKey: host.hostKey}),
    ...(sudo === undefined ? {} : {sudo}),
  })
}

function sudoFor(topology: Topology, ask: FleetOptions['askSecret']): SudoPassword | undefined {
  if (ask === undefined) return undefined
  const {user} = topology.ssh
  return sudoPassword(() => ask(`sudo password${user === undefined ? '' : ` of ${user}`}:`))
}
