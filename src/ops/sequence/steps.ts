/**
 * The steps of a sequence: one per node, one after the other. Up to `maxFailed` nodes may fail and
 * be left behind, each a debt; one more, and no further node is touched.
 */

import {AisError} from '../../base/errors.ts'
import {labelOf} from '../cluster/health.ts'
import type {Step, StepContext} from '../plan/plan.ts'
import type {NewDebt} from '../run/debts.ts'
import type {TopologyNode} from '../topology/resolve.ts'
import {rollOne, type Roll} from './roll.ts'

export interface SequenceOptions {
  readonly roll: Roll
  /** In the order in which they are taken. */
  readonly nodes: readonly TopologyNode[]
  /** `restart`: of ids and titles. */
  readonly verb: string
  /** Nodes that may fail before it stops. */
  readonly maxFailed: number
  /** Without gates: the operator's own word. */
  readonly ungated?: boolean
  /** Steps that come first. */
  readonly after?: readonly string[]
  preview(node: TopologyNode): readonly string[]
  act(node: TopologyNode, context: StepContext): Promise<unknown>
  /** Looks closer at a node that is back, the first one (canary) longer. */
  verify?(node: TopologyNode, context: StepContext & {readonly canary: boolean}): Promise<void>
}

/** How far it got. */
export interface Sequence {
  readonly steps: readonly Step[]
  /** Nodes that are through, in order. */
  done(): readonly TopologyNode[]
  /** Nodes that failed: not well, or never let down by their gate. */
  failed(): readonly TopologyNode[]
  /** More failed than may: nothing else is touched. */
  stopped(): boolean
  debts(): readonly NewDebt[]
}

export function sequenceOf(options: SequenceOptions): Sequence {
  const {nodes, verb} = options
  const done: TopologyNode[] = []
  const failed = new Map<TopologyNode, Error>()
  const stopped = (): boolean => failed.size > options.maxFailed
  const steps = nodes.map((node, index): Step => {
    return {
      id: `${node.host}/${node.instance}/${verb}`,
      title: `${verb} ${labelOf(node)}`,
      host: node.host,
      ...(options.after === undefined ? {} : {after: options.after}),
      skip: () =>
        Promise.resolve(
          stopped() ? `stopped: ${[...failed.keys()].map(labelOf).join(', ')}` : null,
        ),
      preview: () => options.preview(node),
      run: async (context) => {
        try {
          await takeThrough(options, node, {context, canary: index === 0})
          done.push(node)
        } catch (error) {
          if (!(error instanceof Error)) throw error
          failed.set(node, error)
          options.roll.givenUp.add(node.id)
          throw error
        }
      },
    }
  })
  return {
    steps,
    done: () => done,
    failed: () => [...failed.keys()],
    stopped,
    debts: () => [...failed].map(([node, error]) => debtOf(node, error, verb)),
  }
}

function takeThrough(
  {roll, act, verify, ungated = false}: SequenceOptions,
  node: TopologyNode,
  {context, canary}: {readonly context: StepContext; readonly canary: boolean},
): Promise<unknown> {
  if (ungated) return act(node, context)
  return rollOne(roll, node, {
    signal: context.signal,
    report: (text) => context.report({text}),
    act: () => act(node, context),
    ...(verify === undefined ? {} : {verify: () => verify(node, {...context, canary})}),
  })
}

function debtOf(node: TopologyNode, error: Error, verb: string): NewDebt {
  const [first = ''] = error.message.split('\n')
  return {
    key: `${verb}:${node.host}/${node.instance}`,
    what: `${labelOf(node)}: ${verb} has failed: ${first}`,
    pay: payOf(error, `aisctl node ${verb} ${node.id}`),
  }
}

function payOf(error: Error, repeat: string): string {
  return error instanceof AisError && error.code === 'INTERRUPTED'
    ? repeat
    : `mend it, then ${repeat}`
}
