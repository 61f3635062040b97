/** A scenario: a title that is a sentence, the stage that it needs, and what it does there. */

import {setTimeout as sleep} from 'node:timers/promises'
import {nowMs} from '../stage/http.ts'
import {describe, newPrimary, others, type Play, primaryOf, whole} from '../stage/play.ts'
import {gatewaysBut, nodesOf, type StageNode} from '../stage/stage.ts'

/**
 * `hosts`: any lab of 3 gateways and 4 targets. `seven`: with a host for each. `smallest`: 2
 * gateways and a target on three hosts. `processes`: a playground.
 */
export type Place = 'hosts' | 'seven' | 'smallest' | 'processes'

export interface Scenario {
  readonly name: string
  readonly title: string
  readonly on: Place
  /** Only under --long. */
  readonly long: boolean
  /** Gives the ids of nodes whose processes it ended or left to restart. */
  run(play: Play): Promise<readonly string[]>
}

/** Scenario bounds: a killed process, and a silent host. Benches judge the goals. */
export const KILLED_MS_MAX = 10_000
export const SILENT_MS_MAX = 15_000
/** An old primary is ordinary again by then. */
export const ORDINARY_MS_MAX = 10_000

const POLL_MS = 50

/** SIGKILL, and no service manager that starts it again. */
export async function killForGood(
  {stage}: Pick<Play, 'stage'>,
  nodes: readonly StageNode[],
): Promise<number> {
  const atMs = await stage.kill(nodes)
  await Promise.all(nodes.map((node) => stage.stop(node)))
  return atMs
}

export interface Elected {
  /** Since the fault. */
  readonly withinMs: number
  readonly sinceMs: number
  /** Who should be; absent: anybody who is not gone. */
  readonly expected?: string
}

/** Checks that the nodes that are not gone soon name one primary that is not gone; who it is. */
export async function expectPrimary(
  play: Play,
  gone: readonly StageNode[],
  {withinMs, sinceMs, expected}: Elected,
): Promise<string> {
  const {checks, watch, stage} = play
  const ids = gone.map(({id}) => id)
  const next = await newPrimary(play, others(stage, ids), ids, withinMs * 2)
  const tookMs = (next?.atMs ?? Number.POSITIVE_INFINITY) - sinceMs
  const seen = next === undefined ? describe(watch, stage) : `${Math.round(tookMs)} ms`
  checks.expect(tookMs <= withinMs, `a new primary within ${withinMs} ms`, seen)
  if (next === undefined) return ''
  checks.measure('failover ms', tookMs)
  const {primary} = next.value
  if (expected !== undefined) {
    checks.expect(primary === expected, `the successor is ${expected}`, primary)
  }
  return primary
}

/** Checks that all nodes are back and that this one leads. */
export async function expectWhole(play: Play, primary: string): Promise<void> {
  const sinceMs = nowMs()
  const back = await whole(play)
  if (back === undefined) return
  play.checks.measure('whole again ms', back.atMs - sinceMs)
  const {value} = back
  play.checks.expect(value.primary === primary, 'the primary stays', `${value.primary} leads`)
}

/** The present primary and who stands after it, in order; load no longer asks the primary. */
export function reign(play: Play): {readonly primary: StageNode; readonly heirs: StageNode[]} {
  const primary = primaryOf(play)
  const heirs = nodesOf(play.stage, play.watch.of(primary.id)?.heirs ?? [])
  play.load.use(gatewaysBut(play.stage, [primary.id]))
  return {primary, heirs: [...heirs]}
}

/** Checks that no read failed since then. */
export function expectReads({load, checks}: Play, sinceMs: number): void {
  const failed = load.failuresOf('read', sinceMs)
  checks.expect(failed.length === 0, 'no read fails', failed.slice(0, 3))
  checks.measure('slowest read ms', load.slowestMs('read', sinceMs))
}

/** Does it so many times, each on a whole cluster; the processes that were ended. */
export async function inRounds(
  play: Play,
  rounds: number,
  round: (number: number) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const ended: string[] = []
  for (let number = 0; number < rounds; number += 1) {
    ended.push(...(await round(number)))
    play.load.use(gatewaysBut(play.stage))
    if ((await whole(play)) === undefined) break
  }
  return ended
}

/** Looks until it is so, or the time is over. */
export async function eventually(
  look: () => boolean | Promise<boolean>,
  timeoutMs: number,
): Promise<boolean> {
  const deadline = nowMs() + timeoutMs
  while (!(await look())) {
    if (nowMs() > deadline) return false
    await sleep(POLL_MS)
  }
  return true
}
