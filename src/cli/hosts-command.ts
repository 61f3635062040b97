/**
 * The base of commands that go to the hosts of a deployed cluster: which topology is meant, and the
 * connections to its hosts.
 */

import {Flags} from '@oclif/core'
import {AisError} from '../base/errors.ts'
import type {FoundCluster} from '../client/find-cluster.ts'
import {clusterOf, openDeployed} from '../ops/deploy/open.ts'
import {openFleet, type Fleet} from '../ops/fleet.ts'
import {AisctlCommand} from './command.ts'
import {askSecret} from './prompt.ts'

export interface HostsFlags {
  readonly 'cluster'?: string | undefined
  readonly 'topology'?: string | undefined
  readonly 'accept-new': boolean
}

export abstract class HostsCommand extends AisctlCommand {
  static override readonly baseFlags = {
    ...AisctlCommand.baseFlags,
    'topology': Flags.file({description: 'topology file of the cluster', exists: true}),
    'accept-new': Flags.boolean({
      description: 'trust the keys of hosts that are not known yet',
      default: false,
    }),
  }

  /**
   * The cluster of the topology that was given, whatever else is known here or set in the
   * environment: hosts of one cluster and gateways of another must never meet in one command.
   */
  protected meant(flags: HostsFlags): FoundCluster {
    if (flags.topology === undefined) return this.found(flags)
    const known = clusterOf(flags.topology)
    if (flags.cluster === undefined) return {endpoints: known.endpoints, known}
    const named = this.found(flags)
    if (named.known !== undefined && named.known.uuid !== known.uuid) {
      throw new AisError({
        code: 'USAGE',
        message: `${flags.topology} is of ${known.name}, --cluster names ${named.known.name}`,
        hint: 'give one of them: --topology FILE, or --cluster (AISCTL_CLUSTER)',
      })
    }
    return {endpoints: named.endpoints, known}
  }

  /** Does something with the hosts of the cluster; the connections are closed whatever happens. */
  protected async withFleet<Result>(
    flags: HostsFlags,
    work: (fleet: Fleet) => Promise<Result>,
  ): Promise<Result> {
    const {topology, site} = openDeployed(flags.topology ?? topologyOf(this.meant(flags)))
    const fleet = openFleet(topology, {site, acceptNew: flags['accept-new'], askSecret})
    try {
      return await work(fleet)
    } finally {
      await fleet.close()
    }
  }
}

/** @throws AisError USAGE when the cluster has no hosts that aisctl knows */
export function topologyOf({known}: FoundCluster): string {
  if (known?.topologyFile !== undefined) return known.topologyFile
  if (known?.kind === 'playground') {
    throw new AisError({
      code: 'USAGE',
      message: `${known.name} is a playground: its nodes are processes of this machine, not units of hosts`,
      hint: `end it: aisctl playground down --name ${known.name} --keep-data · start it: aisctl playground up --name ${known.name}`,
    })
  }
  throw new AisError({
    code: 'USAGE',
    message: 'the hosts of this cluster are not known here',
    hint: 'say where they are: --topology FILE',
  })
}
