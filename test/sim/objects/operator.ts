/**
 * An operator of the object world, who takes targets out and in, with a rebalance and without,
 * decommissions some with all that they have, and now and then rebalances by hand, or removes by
 * force whose data has moved. In the end every target is back.
 */

import type {Command} from '../../../src/core/kernel/events.ts'
import type {NodeId} from '../../../src/model/ids.ts'
import type {ClusterRecord} from '../../../src/model/record.ts'
import type {Clock} from '../world/clock.ts'
import type {Random} from '../world/random.ts'
import type {Workload} from '../world/workload.ts'
import type {ObjectNode} from './node.ts'

export interface Operator {
  /** Begins; nothing is ordered before. */
  readonly start: () => void
  /** Takes everybody back, and orders nothing more. */
  readonly end: () => void
  readonly counts: Readonly<Record<string, number>>
}

export interface OperatorDeps {
  readonly clock: Clock
  readonly random: Random
  readonly nodes: readonly ObjectNode[]
  readonly order: Workload['order']
  /** Mean time between two orders; Infinity: none. */
  readonly everyMs: number
  /** Of whoever leads. */
  readonly record: () => ClusterRecord | null
}

/** Between two attempts to take a target back: it is refused while data moves. */
const AGAIN_MS = 700
/** An order that waited for a primary may be carried out this much later. */
const HELD_MS = 7000
/** Some orders are about the rebalance itself. */
const BY_HAND_RATIO = 0.15
const WITHOUT_REBALANCE_RATIO = 0.4
const BY_FORCE_RATIO = 0.5
/** Some leave for good, with all that they have, and are deployed anew. */
const FOR_GOOD_RATIO = 0.25

export function createOperator(deps: OperatorDeps): Operator {
  const {clock, everyMs, nodes, random} = deps
  const counts: Record<string, number> = {}
  const out = new Set<NodeId>()
  /** Orders about targets of which nobody knows yet what came of them: when each was given. */
  const openMs = new Map<NodeId, number>()
  let over = false
  let endedMs = Infinity

  function order(command: Command, done: () => void = () => undefined): void {
    const name = command.type === 'lifecycle' ? command.action : command.type
    const ids = 'nodes' in command ? command.nodes : []
    const began = clock.nowMs()
    for (const id of ids) openMs.set(id, began)
    deps.order(command, random, (result) => {
      const what = `${name} ${result.type}`
      counts[what] = (counts[what] ?? 0) + 1
      const isKnown = result.type !== 'refused' || result.refusal.code !== 'UNREACHABLE'
      for (const id of ids) if (isKnown && openMs.get(id) === began) openMs.delete(id)
      if (result.type === 'done') done()
    })
  }

  function takeIn(id: NodeId): void {
    order(lifecycle('stop-maintenance', id, false), () => {
      // Another order may still be under way: in the end they are asked until that is over.
      if (!over || clock.nowMs() - endedMs > HELD_MS) out.delete(id)
    })
  }

  /** All that it had is elsewhere, and no order about it is still to be carried out. */
  function mayGo(id: NodeId): boolean {
    const record = deps.record()
    if (record === null || record.move !== null || record.op !== null) return false
    const isNamed = record.own.length !== 1 || record.own[0]?.targets.includes(id) === true
    return !isNamed
  }

  function isOpen(id: NodeId): boolean {
    return clock.nowMs() - (openMs.get(id) ?? -Infinity) <= HELD_MS
  }

  function act(): void {
    if (random.chance(BY_HAND_RATIO)) {
      return order({type: random.pick(['start-rebalance', 'stop-rebalance'] as const)})
    }
    const {id} = random.pick(nodes).process.facts.self
    if (isOpen(id)) return
    if (out.has(id) && mayGo(id) && random.chance(BY_FORCE_RATIO)) {
      return order({type: 'remove-from-smap', nodes: [id]})
    }
    if (out.has(id)) return takeIn(id)
    if (out.size === nodes.length - 1) return
    // Whether it was heard or not: in the end it is taken back.
    out.add(id)
    if (random.chance(FOR_GOOD_RATIO)) return order(decommission(id))
    order(lifecycle('start-maintenance', id, random.chance(WITHOUT_REBALANCE_RATIO)))
  }

  function repeat(): void {
    clock.after(random.exp(everyMs), () => {
      if (over) return
      act()
      repeat()
    })
  }

  function takeAllIn(): void {
    for (const id of out) takeIn(id)
    if (out.size > 0) clock.after(AGAIN_MS, takeAllIn)
  }

  return {
    counts,
    start: () => {
      if (everyMs !== Infinity) repeat()
    },
    end: () => {
      over = true
      endedMs = clock.nowMs()
      if (everyMs === Infinity) return
      for (const {process} of nodes) out.add(process.facts.self.id)
      takeAllIn()
    },
  }
}

function lifecycle(
  action: 'start-maintenance' | 'stop-maintenance',
  id: NodeId,
  skipRebalance: boolean,
): Command {
  return {...ORDER, action, nodes: [id], skipRebalance}
}

function decommission(id: NodeId): Command {
  const action = 'decommission-node'
  return {...ORDER, action, nodes: [id], rmUserData: true, noShutdown: false}
}

const ORDER = {
  type: 'lifecycle',
  skipRebalance: false,
  rmUserData: false,
  keepInitialConfig: false,
  noShutdown: true,
} as const
