/**
 * One node of a sequence: wait until it may go down, hand its office over if it has one, do what is
 * to be done, wait until all is well again. The same for every command that takes nodes down one
 * after the other; what is done to them differs.
 */

import {setTimeout as sleep} from 'node:timers/promises'
import {AisError} from '../../base/errors.ts'
import {formatDuration} from '../../base/units.ts'
import {nodeLabel} from '../../model/ids.ts'
import {parseJson} from '../../wire/json.ts'
import {decodeOperation, type OperationAnswer} from '../../wire/operation.ts'
import {askThrough, type Ask} from '../cluster/ask.ts'
import {labelOf, readHealth, waitForHealth} from '../cluster/health.ts'
import type {Fleet} from '../fleet.ts'
import {lookCloserAt} from '../node/explain.ts'
import {nodesOf, type TopologyNode} from '../topology/resolve.ts'
import {heirOf, primaryLast, restartOrder, whyClosed, type Picture} from './gate.ts'

const GATE_POLL_MS = 200
/** A map that nobody has at first may be a moment's loss: so often it is asked again. */
const UNKNOWN_TRIES = 3
const UNKNOWN_PAUSE_MS = 500

/** A sequence at work. */
export interface Roll {
  readonly fleet: Fleet
  readonly ask: Ask
  /** How long a gate may take to open, and a node to become well. */
  readonly timeoutMs: number
  /** Ids of nodes that are through. */
  readonly done: Set<string>
  /** Ids of nodes that failed, and that the sequence goes on without. */
  readonly givenUp: Set<string>
}

export interface RollStep {
  readonly signal: AbortSignal
  report(text: string): void
  /** What is done to the node while it may be down. */
  act(): Promise<unknown>
  /** Looks closer once the node is well again; throws when it is not what it should be. */
  verify?(): Promise<void>
}

export function newRoll(fleet: Fleet, timeoutMs: number, ask: Ask = askThrough(fleet)): Roll {
  return {fleet, ask, timeoutMs, done: new Set(), givenUp: new Set()}
}

/** Asks everybody once, more often when nobody knows a map. */
export async function look(roll: Roll): Promise<Picture> {
  for (let tries = 1; ; tries++) {
    const health = await readHealth(roll.fleet.topology, roll.ask)
    if (health.members !== undefined || tries === UNKNOWN_TRIES) {
      return {health, operation: await operationOf(roll, health.primary)}
    }
    await sleep(UNKNOWN_PAUSE_MS)
  }
}

/** @throws AisError REFUSED when nobody says how the cluster is: then nothing is taken down */
export async function lookOrRefuse(roll: Roll): Promise<Picture> {
  const picture = await look(roll)
  if (picture.health.members !== undefined) return picture
  throw new AisError({
    code: 'REFUSED',
    message: `no gateway says how ${roll.fleet.topology.cluster.name} is, neither to this machine nor on its own host; nothing was restarted`,
    hint: 'is it off? aisctl cluster start · all the same, one after the other, without asking: --ungated',
  })
}

/** The same nodes in the order in which a sequence takes them. */
export function orderOf(
  {fleet: {topology}}: Roll,
  nodes: readonly TopologyNode[],
  primary: string | undefined,
): TopologyNode[] {
  const order = primaryLast(restartOrder(topology), primary)
  return nodes.toSorted((a, b) => order.indexOf(a.id) - order.indexOf(b.id))
}

/** Takes one node through it. @throws AisError TIMED_OUT at a gate, or what the act throws */
export async function rollOne(roll: Roll, node: TopologyNode, step: RollStep): Promise<void> {
  const {fleet, ask, timeoutMs} = roll
  const picture = await gateOpens(roll, node, step)
  if (picture.health.primary === node.id) await handOver(roll, {node, picture, step})
  await step.act()
  const {signal, report} = step
  await waitForHealth(fleet.topology, {
    ask,
    timeoutMs,
    signal,
    report: (text) => report(text),
    nodes: nodesOf(fleet.topology).filter(({id}) => !roll.givenUp.has(id)),
    lookCloser: lookCloserAt(fleet),
  })
  await step.verify?.()
  roll.done.add(node.id)
}

async function gateOpens(roll: Roll, node: TopologyNode, step: RollStep): Promise<Picture> {
  const untilMs = performance.now() + roll.timeoutMs
  for (;;) {
    const picture = await look(roll)
    const reasons = whyClosed(picture, {node, givenUp: roll.givenUp})
    const [first] = reasons
    if (first === undefined) return picture
    if (step.signal.aborted) {
      throw new AisError({code: 'INTERRUPTED', message: `interrupted before ${labelOf(node)}`})
    }
    if (performance.now() > untilMs) {
      throw new AisError({
        code: 'TIMED_OUT',
        message: `${labelOf(node)} was not touched: after ${formatDuration(roll.timeoutMs)} ${reasons.join('; ')}`,
        hint: 'mend that first (aisctl show cluster), then repeat the command',
        details: {node: node.id, reasons},
      })
    }
    step.report(`waits: ${first}`)
    await sleep(GATE_POLL_MS)
  }
}

interface Office {
  readonly node: TopologyNode
  readonly picture: Picture
  readonly step: RollStep
}

/** Without an heir the office stays: the node has it again when it is back. */
async function handOver(roll: Roll, {node, picture, step}: Office): Promise<void> {
  const heir = heirOf(picture, node.id, roll.done)
  if (heir === undefined) return
  step.report(`handing over to ${labelOf(heir)}`)
  await roll.ask(node, `/v1/cluster/proxy/${heir.id}`, 'PUT')
  const untilMs = performance.now() + roll.timeoutMs
  for (;;) {
    const {health} = await look(roll)
    if (health.primary !== undefined && health.primary !== node.id) return
    if (performance.now() > untilMs || step.signal.aborted) {
      throw new AisError({
        code: 'TIMED_OUT',
        message: `${labelOf(node)} was not touched: it is the primary still, and ${nodeLabel('proxy', heir.id)} has not taken over`,
        hint: `by hand: aisctl cluster set-primary ${heir.id}`,
      })
    }
    await sleep(GATE_POLL_MS)
  }
}

/** What moves, as the primary knows it; null where nobody tells (an AIStore cluster). */
async function operationOf(
  {fleet: {topology}, ask}: Roll,
  primary: string | undefined,
): Promise<OperationAnswer | null> {
  const node = nodesOf(topology).find(({id}) => id === primary)
  if (node === undefined) return null
  const answer = await ask(node, '/v1/cluster?what=operation')
  return answer?.status === 200 ? decodeOperation(parseJson(answer.text)) : null
}
