/** Mutants: each is played until a checker fires, or until it has had its time. */

import {cpuUsage} from 'node:process'

import {playMutant, type WorldKind} from './kinds.ts'
import {NO_CHECK_QUORUM} from './world/mutants.ts'
import {optionsOf} from './world/options.ts'
import {runWorld, type Outcome} from './world/world.ts'

export interface MutantResult {
  readonly name: string
  readonly caught: boolean
  readonly seed: number | null
  /** By which invariant. */
  readonly by: string
  readonly seeds: number
  readonly cpuSeconds: number
}

/** What a rule is worth that nothing is lost without. */
export interface Measured {
  readonly name: string
  readonly seeds: number
  /** Time with two primaries that both believed in a majority, with the rule and without, ms. */
  readonly twoPrimariesMs: number
  readonly twoPrimariesMsWithout: number
  readonly violations: number
}

/** A mutant that lives for so much CPU time is not caught. */
const CPU_SECONDS_MAX = 60
/** Seeds that a measurement takes. */
const MEASURED_SEEDS = 30

/** Hunts every mutant of these kinds of world. */
export async function huntAll(
  kinds: readonly WorldKind[],
  firstSeed: number,
  say: (line: string) => void,
): Promise<readonly MutantResult[]> {
  const results: MutantResult[] = []
  for (const {mutants} of kinds) {
    for (const mutant of mutants) results.push(await hunt(mutant, firstSeed, say))
  }
  return results
}

async function hunt(
  mutant: WorldKind['mutants'][number],
  firstSeed: number,
  say: (line: string) => void,
): Promise<MutantResult> {
  const {name} = mutant
  const started = cpuUsage()
  const known = mutant.known === undefined ? [] : [mutant.known]
  let seeds = 0
  while (secondsSince(started) < CPU_SECONDS_MAX) {
    const seed = known[seeds] ?? firstSeed + seeds
    seeds++
    const why = findingOf(await mutant.play(seed))
    // The same world without the mutant has to be well, or the catch says nothing.
    if (why === undefined || findingOf(await mutant.control(seed)) !== undefined) continue
    const cpuSeconds = secondsSince(started)
    say(`mutant ${name}: ${why.invariant} in seed ${seed} after ${cpuSeconds} s: ${why.detail}`)
    return {name, caught: true, seed, by: why.invariant, seeds, cpuSeconds}
  }
  say(`mutant ${name} was not caught`)
  const cpuSeconds = secondsSince(started)
  return {name, caught: false, seed: null, by: '', seeds, cpuSeconds}
}

function findingOf(
  outcome: Outcome,
): {readonly invariant: string; readonly detail: string} | undefined {
  const [violation] = outcome.violations
  if (violation !== undefined) return violation
  return outcome.converged ? undefined : {invariant: 'C19', detail: 'did not converge'}
}

/** What CheckQuorum (R10) is worth: it keeps no promise, it saves time with two primaries. */
export async function measureCheckQuorum(firstSeed: number): Promise<Measured> {
  let twoPrimariesMs = 0
  let twoPrimariesMsWithout = 0
  let violations = 0
  for (let seed = firstSeed; seed < firstSeed + MEASURED_SEEDS; seed++) {
    const options = optionsOf(seed, NO_CHECK_QUORUM.world)
    twoPrimariesMs += runWorld(options).twoPrimariesMs
    const without = await playMutant(NO_CHECK_QUORUM, options)
    twoPrimariesMsWithout += without.twoPrimariesMs
    violations += without.violations.filter(({invariant}) => invariant !== 'C20').length
  }
  return {
    name: NO_CHECK_QUORUM.name,
    seeds: MEASURED_SEEDS,
    twoPrimariesMs: Math.round(twoPrimariesMs),
    twoPrimariesMsWithout: Math.round(twoPrimariesMsWithout),
    violations,
  }
}

function secondsSince(started: NodeJS.CpuUsage): number {
  const {user, system} = cpuUsage(started)
  return Math.round((user + system) / 1e4) / 100
}
