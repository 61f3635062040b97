/**
 * What `node stop|start|restart` and `cluster shutdown|start` have in common: which topology, what
 * is asked before, how it is drawn, and the line that says what is true afterwards.
 */

import {Flags} from '@oclif/core'
import {ERROR_TABLE} from '../base/errors.ts'
import {openCluster} from '../client/cluster.ts'
import type {FoundCluster} from '../client/find-cluster.ts'
import type {LifecycleOptions, LifecyclePlan} from '../ops/lifecycle.ts'
import {previewPlan} from '../ops/plan/preview.ts'
import {planError} from '../ops/plan/run.ts'
import {asRun, type LifecycleRun} from '../ops/run/as-run.ts'
import type {RunHeader} from '../ops/run/journal.ts'
import {durationFlag, yesFlag} from './flags.ts'
import {HostsCommand, topologyOf, type HostsFlags} from './hosts-command.ts'
import {askSecret, confirm, confirmByTyping} from './prompt.ts'
import {viewPlan} from './render/plan-view.ts'

/** How long a node may take to stop or to serve again. */
const PATIENCE_MS = 120_000

export interface LifecycleFlags extends HostsFlags {
  readonly 'yes': boolean
  readonly 'dry-run': boolean
  readonly 'timeout': number
}

export interface LifecycleAsk {
  readonly make: (options: LifecycleOptions) => Promise<LifecyclePlan>
  /** As typed; empty: the whole cluster. */
  readonly nodes: readonly string[]
  /** Asks for the cluster's name instead of a yes. */
  readonly byName?: boolean
  /** The run that is taken up again. */
  readonly resumes?: RunHeader
}

export abstract class LifecycleCommand extends HostsCommand {
  static override readonly baseFlags = {
    ...HostsCommand.baseFlags,
    'yes': yesFlag,
    'dry-run': Flags.boolean({description: 'say what would be done, do nothing', default: false}),
    'timeout': durationFlag({description: 'how long one node may take', default: PATIENCE_MS}),
  }

  protected async live(flags: LifecycleFlags, ask: LifecycleAsk): Promise<unknown> {
    const found = this.meant(flags)
    const made = await ask.make({
      topologyFile: flags.topology ?? topologyOf(found),
      client: openCluster({endpoints: found.endpoints}),
      nodes: ask.nodes,
      timeoutMs: flags.timeout,
      acceptNew: flags['accept-new'],
      askSecret,
    })
    const lifecycle = asRun(made, ask.resumes)
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

  private async perform(lifecycle: LifecycleRun): Promise<unknown> {
    const {plan, conclude} = lifecycle
    const outcome = await viewPlan(plan, {quiet: this.jsonEnabled()})
    const debts = lifecycle.debts?.() ?? []
    await lifecycle.end()
    for (const {what, pay} of debts) this.log(`Left to do: ${what}. Do it: ${pay}`)
    const error = planError(plan, outcome)
    if (error !== undefined) throw error
    const {line, json} = conclude(outcome.results)
    this.log(line)
    const open = lifecycle.debtLine()
    if (open !== undefined) this.log(open)
    if (debts.length > 0) process.exitCode = ERROR_TABLE.PARTIAL.exit
    return debts.length === 0 ? json : {...json, debts}
  }
}

function nameOf({known, endpoints}: FoundCluster): string {
  return known?.name ?? endpoints[0] ?? ''
}
