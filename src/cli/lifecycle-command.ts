/**
 * What `node stop|start|restart` and `cluster shutdown|start` have in common: which topology, what
 * is asked before, how it is drawn, and the line that says what is true afterwards.
 */

import {Flags} from '@oclif/core'
import {AisError, ERROR_TABLE} from '../base/errors.ts'
import {openCluster} from '../client/cluster.ts'
import type {FoundCluster} from '../client/find-cluster.ts'
import {clusterOf} from '../ops/deploy/open.ts'
import type {LifecycleOptions, LifecyclePlan} from '../ops/lifecycle.ts'
import {previewPlan} from '../ops/plan/preview.ts'
import {planError} from '../ops/plan/run.ts'
import {AisctlCommand} from './command.ts'
import {durationFlag, yesFlag} from './flags.ts'
import {askSecret, confirm, confirmByTyping} from './prompt.ts'
import {viewPlan} from './render/plan-view.ts'

/** How long a node may take to stop or to serve again. */
const PATIENCE_MS = 120_000

export interface LifecycleFlags {
  readonly 'cluster'?: string | undefined
  readonly 'topology'?: string | undefined
  readonly 'yes': boolean
  readonly 'dry-run': boolean
  readonly 'accept-new': boolean
  readonly 'timeout': number
}

export interface LifecycleAsk {
  readonly make: (options: LifecycleOptions) => Promise<LifecyclePlan>
  /** As typed; empty: the whole cluster. */
  readonly nodes: readonly string[]
  /** Asks for the cluster's name instead of a yes. */
  readonly byName?: boolean
}

export abstract class LifecycleCommand extends AisctlCommand {
  static override readonly baseFlags = {
    ...AisctlCommand.baseFlags,
    'topology': Flags.file({description: 'topology file of the cluster', exists: true}),
    'yes': yesFlag,
    'dry-run': Flags.boolean({description: 'say what would be done, do nothing', default: false}),
    'accept-new': Flags.boolean({
      description: 'trust the keys of hosts that are not known yet',
      default: false,
    }),
    'timeout': durationFlag({description: 'how long one node may take', default: PATIENCE_MS}),
  }

  protected async live(flags: LifecycleFlags, ask: LifecycleAsk): Promise<unknown> {
    const found = this.meant(flags)
    const lifecycle = await ask.make({
      topologyFile: flags.topology ?? topologyOf(found),
      client: openCluster({endpoints: found.endpoints}),
      nodes: ask.nodes,
      timeoutMs: flags.timeout,
      acceptNew: flags['accept-new'],
      askSecret,
    })
    try {
      if (flags['dry-run']) {
        const lines = await previewPlan(lifecycle.plan)
        this.print(lines)
        return {plan: lines}
      }
      await this.agree(lifecycle, {flags, name: ask.byName === true ? nameOf(found) : undefined})
      return await this.perform(lifecycle)
    } finally {
      await lifecycle.close()
    }
  }

  /**
   * The cluster of the topology that was given, whatever else is known here or set in the
   * environment: hosts of one cluster and gateways of another must never meet in one command.
   */
  private meant(flags: LifecycleFlags): FoundCluster {
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

  /** Echoes the resolved nodes, then asks when something would stop serving. */
  private async agree(
    {nodes, question, destructive}: LifecyclePlan,
    {flags, name}: {readonly flags: LifecycleFlags; readonly name: string | undefined},
  ): Promise<void> {
    if (!destructive) return
    this.log(`Nodes (${nodes.length}): ${nodes.join(', ')}`)
    if (name === undefined) await confirm(question, {yes: flags.yes})
    else await confirmByTyping(question, name, {yes: flags.yes})
  }

  private async perform({plan, conclude, debts: owed}: LifecyclePlan): Promise<unknown> {
    const outcome = await viewPlan(plan, {quiet: this.jsonEnabled()})
    const debts = owed?.() ?? []
    for (const {what, pay} of debts) this.log(`Left to do: ${what}. Do it: ${pay}`)
    const error = planError(plan, outcome)
    if (error !== undefined) throw error
    const {line, json} = conclude(outcome.results)
    this.log(line)
    if (debts.length > 0) process.exitCode = ERROR_TABLE.PARTIAL.exit
    return {...json, debts}
  }
}

function nameOf({known, endpoints}: FoundCluster): string {
  return known?.name ?? endpoints[0] ?? ''
}

/** @throws AisError USAGE when the cluster has no hosts that aisctl knows */
function topologyOf({known}: FoundCluster): string {
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
