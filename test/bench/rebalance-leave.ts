/** A target that leaves a playground and comes back, by the operator's own commands. */

import type {Playground} from './playground.ts'

export interface Leaving {
  readonly id: string
  /** Processes by their part in the move. */
  readonly roles: Readonly<Record<'sender' | 'receivers' | 'gateways', readonly number[]>>
}

/** The first target. */
export async function leavingOf(playground: Playground): Promise<Leaving> {
  const nodes = await playground.pids()
  const pidsOf = (is: (node: (typeof nodes)[number]) => boolean): readonly number[] =>
    nodes.filter(is).map(({pid}) => pid)
  const id = nodes.find(({role}) => role === 'target')?.id ?? ''
  return {
    id,
    roles: {
      sender: pidsOf((node) => node.id === id),
      receivers: pidsOf((node) => node.role === 'target' && node.id !== id),
      gateways: pidsOf(({role}) => role === 'proxy'),
    },
  }
}

export interface TakenOut {
  /** The whole command, from its call to its return. */
  readonly commandMs: number
  /** From the begin of the rebalance to its end, as the primary saw it. */
  readonly moveMs: number
}

/** Returns when nothing of it has to move any more. @throws Error when that failed */
export async function takeOut(playground: Playground, id: string): Promise<TakenOut> {
  const beganMs = performance.now()
  await order(playground, ['node', 'maintenance', 'start', id])
  const commandMs = performance.now() - beganMs
  const text = await playground.aisctl(['show', 'rebalance', '--all', '--json', ...at(playground)])
  const {rebalances} = JSON.parse(text) as {
    rebalances: {state: string; began: string; ended: string | null}[]
  }
  const last = rebalances.at(-1)
  if (last === undefined || last.state !== 'finished' || last.ended === null) {
    throw new Error(`the rebalance did not finish: ${text}`)
  }
  return {commandMs, moveMs: Date.parse(last.ended) - Date.parse(last.began)}
}

export async function takeBack(playground: Playground, id: string): Promise<void> {
  await order(playground, ['node', 'maintenance', 'stop', id])
}

function order(playground: Playground, words: readonly string[]): Promise<string> {
  return playground.aisctl([...words, '--wait', '--yes', '--json', ...at(playground)])
}

function at({gateways}: Playground): readonly string[] {
  return ['--cluster', `http://${gateways[0]}`]
}
