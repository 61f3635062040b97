/**
 * Makes a failing plan smaller: fewer faults (delta debugging), then fewer nodes, calmer links,
 * shorter time. A smaller plan counts when it breaks the same invariant. Streams of draws are
 * separate, and each fault draws from its own salt, so what is left stays as it was.
 */

import {cpuUsage} from 'node:process'

import type {WorldOptions} from './world/options.ts'
import {runWorld} from './world/world.ts'

export interface Shrunk {
  readonly options: WorldOptions
  readonly invariant: string
  readonly runs: number
}

/** Until this much CPU time is used up. */
const CPU_SECONDS_MAX = 300
/** Clients that hardly do anything. */
const SELDOM_MS = 20_000
const NOT_CONVERGED = 'not converged'

/** The smallest plan that was found; null when the plan does not fail. */
export function shrink(options: WorldOptions, say: (line: string) => void): Shrunk | null {
  const started = cpuUsage()
  let runs = 0
  const findings = (plan: WorldOptions): readonly string[] => {
    runs++
    const outcome = runWorld(plan)
    const names = outcome.violations.map(({invariant}) => invariant)
    return outcome.converged ? names : [...names, NOT_CONVERGED]
  }
  const [invariant] = findings(options)
  if (invariant === undefined) return null
  const isOver = (): boolean => {
    const {user, system} = cpuUsage(started)
    return (user + system) / 1e6 > CPU_SECONDS_MAX
  }
  const fails = (plan: WorldOptions): boolean => !isOver() && findings(plan).includes(invariant)
  const calm = {...options, calmMs: 0}
  let best = fails(calm) ? calm : options
  for (let before = ''; before !== JSON.stringify(best) && !isOver();) {
    before = JSON.stringify(best)
    best = withFewerFaults(best, fails)
    best = simpler(best, fails)
    say(`${invariant}: ${best.faults.length} faults after ${runs} runs`)
  }
  return {options: best, invariant, runs}
}

/** Delta debugging: leaves out ever smaller pieces of the plan. */
function withFewerFaults(
  options: WorldOptions,
  fails: (plan: WorldOptions) => boolean,
): WorldOptions {
  let best = options
  for (let size = Math.ceil(best.faults.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < best.faults.length;) {
      const faults = [...best.faults.slice(0, at), ...best.faults.slice(at + size)]
      const plan = {...best, faults}
      if (fails(plan)) best = plan
      else at += size
    }
  }
  return best
}

/** Each of these alone, if the plan still fails. */
function simpler(options: WorldOptions, fails: (plan: WorldOptions) => boolean): WorldOptions {
  const last = options.faults.at(-1)?.atMs ?? 0
  const ends = [3000, 20_000, 60_000].map((ms) => last + ms * options.pace)
  const changes: readonly Partial<WorldOptions>[] = [
    {late: []},
    {gone: []},
    {lossRatio: 0},
    {duplicateRatio: 0},
    {encodeOneIn: 1_000_000},
    {delayMs: 0.5},
    {diskMs: 1},
    {tickMs: 100},
    {commandEveryMs: SELDOM_MS},
    {writeEveryMs: SELDOM_MS},
    {targets: Math.max(0, options.targets - 1)},
    {proxies: Math.max(1, options.proxies - 1)},
    ...ends.filter((ms) => ms < options.chaosMs).map((chaosMs) => ({chaosMs})),
  ]
  return changes.reduce<WorldOptions>((best, change) => {
    const plan = {...best, ...change}
    return JSON.stringify(plan) !== JSON.stringify(best) && fails(plan) ? plan : best
  }, options)
}
