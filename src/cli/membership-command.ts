/**
 * What taking nodes out and back in has in common: the resolved nodes are echoed and asked about,
 * the order is given, waited for if wanted, and the last line says what is true now and what to
 * type next.
 */

import {Flags} from '@oclif/core'
import {AisError} from '../base/errors.ts'
import {formatSize} from '../base/units.ts'
import {awaitDeparture} from '../client/await-departure.ts'
import type {ClusterClient} from '../client/cluster.ts'
import type {MembershipAction} from '../client/membership.ts'
import {awaitRebalance} from '../client/rebalance.ts'
import type {MeantNode} from '../client/take-out.ts'
import {meantNodes} from '../client/take-out.ts'
import type {OperationAnswer} from '../wire/operation.ts'
import {AisctlCommand} from './command.ts'
import {durationFlag, yesFlag} from './flags.ts'
import {nodesNamed} from './gateway-name.ts'
import {confirm} from './prompt.ts'
import {labelsOf, objectsText, progressText} from './render/departure-view.ts'

/** Moving the data of a large target takes hours. */
const PATIENCE_MS = 24 * 3_600_000

export const membershipFlags = {
  'no-rebalance': Flags.boolean({
    description: 'leave the data where it is',
    default: false,
  }),
  'yes': yesFlag,
  'wait': Flags.boolean({description: 'return when it is finished', default: false}),
  'timeout': durationFlag({description: 'with --wait: how long at most', default: PATIENCE_MS}),
}

export interface MembershipFlags {
  readonly 'cluster'?: string | undefined
  readonly 'no-rebalance': boolean
  readonly 'yes': boolean
  readonly 'wait': boolean
  readonly 'timeout': number
}

export interface MembershipAsk {
  readonly action: MembershipAction
  /** As typed. */
  readonly names: readonly string[]
  /** Asked about before it is done; null: nothing stops serving. */
  readonly question: ((asked: Asked) => string) | null
  readonly removeUserData?: boolean
  readonly keepInitialConfig?: boolean
  /** Done before the last line: what is to be said of it. */
  readonly settle?: (done: Done) => Promise<readonly string[]>
  readonly conclude: (done: Done) => string
}

/** What the operator is asked about. */
export interface Asked {
  /** `t[a], t[b]`. */
  readonly labels: string
  /** `1,234 objects (2.3GiB)`; '' when nothing is known to be stored there. */
  readonly data: string
  readonly several: boolean
}

/** What is true after the order, or after the wait. */
export interface Done extends Asked {
  readonly nodes: readonly MeantNode[]
  /** Bare ids, to be typed. */
  readonly ids: string
  /** `g3`; '' when none was started. */
  readonly rebalance: string
  readonly waited: boolean
  /** Some of the nodes may hold what is nowhere else. */
  readonly holds: boolean
}

export abstract class MembershipCommand extends AisctlCommand {
  protected async order(flags: MembershipFlags, ask: MembershipAsk): Promise<unknown> {
    const client = this.client(flags)
    const {action} = ask
    const found = this.found(flags)
    const names = await nodesNamed(ask.names, found)
    const nodes = await meantNodes(client, {action, names, uuid: found.known?.uuid})
    const asked = askedOf(nodes)
    if (ask.question !== null) {
      this.log(`Nodes (${nodes.length}): ${asked.labels}`)
      await confirm(ask.question(asked), {yes: flags.yes})
    }
    const rebalance = await client.membership.order({
      action,
      nodeIds: nodes.map(({id}) => id),
      skipRebalance: flags['no-rebalance'],
      removeUserData: ask.removeUserData ?? false,
      keepInitialConfig: ask.keepInitialConfig ?? false,
    })
    if (rebalance !== '') {
      this.log(`Started rebalance "${rebalance}" (to monitor, run 'aisctl show rebalance').`)
    }
    if (flags.wait) await this.finish(client, flags, {action, nodes, rebalance})
    const answer = await afterwards(client)
    const done: Done = {
      ...asked,
      nodes,
      ids: nodes.map(({id}) => id).join(' '),
      rebalance,
      waited: flags.wait,
      holds: mayHold(nodes, answer),
    }
    for (const line of (await ask.settle?.(done)) ?? []) this.log(line)
    this.log(ask.conclude(done))
    return jsonOf(done, answer, action)
  }

  private async finish(
    client: ClusterClient,
    {timeout}: MembershipFlags,
    {action, nodes, rebalance}: Ordered,
  ): Promise<void> {
    const line = this.progress()
    const looks = {
      timeoutMs: timeout,
      onLook: (answer: OperationAnswer): void => line.show(progressText(answer)),
      onSilence: ({message}: AisError): void => line.show(`${message}; trying again`),
    }
    if (action === 'stop-maintenance') {
      if (rebalance !== '') {
        await awaitRebalance(client, {id: rebalance, ...looks})
      }
    } else {
      const moves = rebalance !== ''
      await awaitDeparture(client, {action, nodes, moves, ...looks})
    }
    line.end()
  }
}

/** The order is given: that nobody says what goes on now does not undo it. */
async function afterwards(client: ClusterClient): Promise<OperationAnswer | null> {
  try {
    return await client.membership.operation()
  } catch (error) {
    if (error instanceof AisError && error.code !== 'INTERRUPTED') return null
    throw error
  }
}

/** Whether any of them may have what is nowhere else; yes, when nobody says. */
function mayHold(nodes: readonly MeantNode[], answer: OperationAnswer | null): boolean {
  if (answer === null) return nodes.some(({role}) => role === 'target')
  return answer.nodes.some(({id, holds}) => holds && nodes.some((node) => node.id === id))
}

interface Ordered {
  readonly action: MembershipAction
  readonly nodes: readonly MeantNode[]
  readonly rebalance: string
}

function askedOf(nodes: readonly MeantNode[]): Asked {
  const stored = nodes.flatMap((node) => node.stored ?? [])
  const objects = stored.reduce((sum, one) => sum + one.objects, 0)
  const bytes = stored.reduce((sum, one) => sum + one.bytes, 0)
  return {
    labels: labelsOf(nodes),
    data: objects === 0 ? '' : `${objectsText(objects)} (${formatSize(bytes)})`,
    several: nodes.length > 1,
  }
}

function jsonOf(
  {nodes, rebalance, waited}: Done,
  answer: OperationAnswer | null,
  action: MembershipAction,
): unknown {
  const named = nodes.some(({id}) => answer?.op?.nodes.some((one) => one === id) === true)
  return {
    action,
    nodes: nodes.map(({id, role, stored}) => ({
      id,
      role,
      stored,
      ...holdsJson(answer?.nodes.find((node) => node.id === id)),
    })),
    rebalance: rebalance === '' ? null : rebalance,
    operation: named ? (answer?.op?.id ?? null) : null,
    finished: waited || (rebalance === '' && !named),
  }
}

/** Of a node that is out: whether something may be on it alone. */
function holdsJson(node: OperationAnswer['nodes'][number] | undefined): object {
  return node === undefined || node.status === '' ? {} : {status: node.status, holds: node.holds}
}
