/**
 * The simulator: the shipped kernel and object decisions in a virtual world, seed after seed.
 *
 *     npm run sim -- --seeds N [--seed S] [--for MIN] [--append FILE]
 *                    [--json] [--mutants] [--trace]
 *
 * A failing seed replays exactly: `--seed S --seeds 1 --trace`. Every fiftieth seed runs twice, and
 * both runs must agree. The last line of stdout is one JSON object; the exit code is 0 only without
 * violations, with every seed converged and every mutant caught.
 */

import {appendFileSync} from 'node:fs'
import {cpuUsage} from 'node:process'
import {parseArgs} from 'node:util'

import type {Violation} from './world/invariants.ts'
import {MUTANTS, type Mutant} from './world/mutants.ts'
import {optionsOf} from './world/options.ts'
import {runWorld, type Outcome} from './world/world.ts'

interface MutantResult {
  readonly name: string
  readonly caught: boolean
  readonly seed: number | null
}

interface Report {
  readonly seeds: number
  readonly firstSeed: number
  readonly events: number
  readonly clusterHours: number
  readonly cpuSeconds: number
  readonly faults: Readonly<Record<string, number>>
  readonly sometimes: Readonly<Record<string, number>>
  readonly violations: readonly Violation[]
  readonly notConverged: readonly number[]
  readonly mutants?: readonly MutantResult[]
}

/** A seed that is run again to see that it says the same. */
const TWICE_EVERY = 50
/** Seeds that a mutant may survive before it counts as not caught. */
const MUTANT_SEEDS = 400
/** Violations kept in the report; a seed fails for one reason, and a long list helps nobody. */
const VIOLATIONS_REPORTED = 20
const HOUR_MS = 3_600_000

const {values} = parseArgs({
  options: {
    seeds: {type: 'string', default: '200'},
    seed: {type: 'string', default: '1'},
    for: {type: 'string'},
    append: {type: 'string'},
    json: {type: 'boolean', default: false},
    mutants: {type: 'boolean', default: false},
    trace: {type: 'boolean', default: false},
  },
})
process.exitCode = main() ? 0 : 1

function main(): boolean {
  const started = cpuUsage()
  const firstSeed = positive(values.seed, '--seed')
  const count = values.for === undefined ? positive(values.seeds, '--seeds') : Infinity
  const endMs =
    values.for === undefined ? Infinity : Date.now() + positive(values.for, '--for') * 60_000
  const outcomes = runSeeds(firstSeed, count, endMs)
  const mutants = values.mutants ? {mutants: MUTANTS.map((mutant) => hunt(mutant, firstSeed))} : {}
  const used = cpuUsage(started)
  const report: Report = {
    ...summary(outcomes, firstSeed),
    cpuSeconds: Math.round((used.user + used.system) / 1e4) / 100,
    ...mutants,
  }
  if (values.append !== undefined) appendFileSync(values.append, `${JSON.stringify(report)}\n`)
  console.log(JSON.stringify(report))
  return (
    report.violations.length === 0 &&
    report.notConverged.length === 0 &&
    (report.mutants ?? []).every(({caught}) => caught)
  )
}

function runSeeds(firstSeed: number, count: number, endMs: number): readonly Outcome[] {
  const outcomes: Outcome[] = []
  for (let at = 0; at < count && Date.now() < endMs; at++) {
    const seed = firstSeed + at
    const outcome = runWorld(optionsOf(seed), values.trace ? {trace: say} : {})
    outcomes.push(at % TWICE_EVERY === 0 ? twice(seed, outcome) : outcome)
    for (const {invariant, detail} of outcome.violations)
      say(`SEED=${seed} ${invariant}: ${detail}`)
    if (!outcome.converged) say(`SEED=${seed} did not converge`)
    if (!values.json && (at + 1) % 100 === 0) say(`${at + 1} seeds`)
  }
  return outcomes
}

/** Progress and findings go to stderr: the last line of stdout is the report. */
function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

function twice(seed: number, first: Outcome): Outcome {
  const second = runWorld(optionsOf(seed))
  if (second.digest === first.digest) return first
  const detail = `two runs differ: ${first.digest} and ${second.digest}`
  return {...first, violations: [...first.violations, {seed, invariant: 'determinism', detail}]}
}

/** Runs a mutant until a checker fires. */
function hunt(mutant: Mutant, firstSeed: number): MutantResult {
  for (let seed = firstSeed; seed < firstSeed + MUTANT_SEEDS; seed++) {
    const outcome = runWorld(optionsOf(seed), {mutant})
    const [violation] = outcome.violations
    if (violation === undefined) continue
    say(`mutant ${mutant.name}: seed ${seed} ${violation.invariant}: ${violation.detail}`)
    return {name: mutant.name, caught: true, seed}
  }
  say(`mutant ${mutant.name} was not caught`)
  return {name: mutant.name, caught: false, seed: null}
}

function summary(outcomes: readonly Outcome[], firstSeed: number): Omit<Report, 'cpuSeconds'> {
  const virtualMs = outcomes.reduce((sum, outcome) => sum + outcome.virtualMs, 0)
  return {
    seeds: outcomes.length,
    firstSeed,
    events: outcomes.reduce((sum, outcome) => sum + outcome.events, 0),
    clusterHours: Math.round((virtualMs / HOUR_MS) * 100) / 100,
    faults: added(outcomes.map((outcome) => outcome.faults)),
    sometimes: added(outcomes.map((outcome) => outcome.sometimes)),
    violations: outcomes.flatMap((outcome) => outcome.violations).slice(0, VIOLATIONS_REPORTED),
    notConverged: outcomes.filter(({converged}) => !converged).map(({seed}) => seed),
  }
}

function added(
  counts: readonly Readonly<Record<string, number>>[],
): Readonly<Record<string, number>> {
  const sum: Record<string, number> = {}
  for (const one of counts) {
    for (const [name, count] of Object.entries(one)) sum[name] = (sum[name] ?? 0) + count
  }
  return Object.fromEntries(Object.entries(sum).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function positive(text: string, flag: string): number {
  const value = Number(text)
  if (Number.isFinite(value) && value > 0) return value
  say(`${flag} wants a positive number, not ${JSON.stringify(text)}`)
  return process.exit(2)
}
