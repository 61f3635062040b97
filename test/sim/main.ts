/**
 * The simulator: the shipped kernel and object path in virtual worlds, seed after seed. Every seed
 * is played twice: once among kernels (`world/`), once with stores on disks that forget
 * (`objects/`).
 *
 *     npm run sim -- --seeds N [--seed S] [--for MIN] [--append FILE]
 *                    [--json] [--mutants] [--trace] [--world kernels|objects]
 *
 * A failing seed replays exactly: `--world W --seed S --seeds 1 --trace`. Every fiftieth seed runs
 * twice, and both runs must agree; seeds that once failed (`seeds/regression.jsonl`) are played
 * first, unless one seed is to be replayed. The last line of stdout is one JSON object; the exit
 * code is 0 only without violations, with every seed converged and every mutant caught.
 */

import {appendFileSync, readFileSync} from 'node:fs'
import {cpuUsage} from 'node:process'
import {parseArgs} from 'node:util'

import {OBJECT_MUTANTS} from './objects/mutants.ts'
import {objectOptionsOf} from './objects/options.ts'
import {runObjectWorld} from './objects/world.ts'
import type {Violation} from './world/invariants.ts'
import {MUTANTS} from './world/mutants.ts'
import {optionsOf} from './world/options.ts'
import {runWorld, type Outcome} from './world/world.ts'

/** One kind of world, and what is broken in it on purpose. */
interface WorldKind {
  readonly name: string
  readonly play: (seed: number, trace?: (line: string) => void) => Promise<Outcome> | Outcome
  readonly mutants: readonly {
    readonly name: string
    readonly play: (seed: number) => Promise<Outcome> | Outcome
  }[]
}

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

const WORLDS: readonly WorldKind[] = [
  {
    name: 'kernels',
    play: (seed, trace) => runWorld(optionsOf(seed), trace === undefined ? {} : {trace}),
    mutants: MUTANTS.map((mutant) => ({
      name: mutant.name,
      play: (seed) => runWorld(optionsOf(seed), {mutant}),
    })),
  },
  {
    name: 'objects',
    play: (seed, trace) =>
      runObjectWorld(objectOptionsOf(seed), trace === undefined ? {} : {trace}),
    mutants: OBJECT_MUTANTS.map((mutant) => ({
      name: mutant.name,
      play: (seed) => runObjectWorld(objectOptionsOf(seed), {mutant}),
    })),
  },
]

/** Seeds that have found something: `{world, seed, why}` per line. */
const REGRESSION = new URL('seeds/regression.jsonl', import.meta.url)

const {values} = parseArgs({
  options: {
    seeds: {type: 'string', default: '200'},
    seed: {type: 'string', default: '1'},
    for: {type: 'string'},
    append: {type: 'string'},
    json: {type: 'boolean', default: false},
    mutants: {type: 'boolean', default: false},
    trace: {type: 'boolean', default: false},
    world: {type: 'string'},
  },
})
process.exitCode = (await main()) ? 0 : 1

async function main(): Promise<boolean> {
  const started = cpuUsage()
  const firstSeed = positive(values.seed, '--seed')
  const count = values.for === undefined ? positive(values.seeds, '--seeds') : Infinity
  const endMs =
    values.for === undefined ? Infinity : Date.now() + positive(values.for, '--for') * 60_000
  const worlds = WORLDS.filter(({name}) => values.world === undefined || name === values.world)
  if (worlds.length === 0) return refuse(`--world is kernels or objects, not ${values.world}`)
  const outcomes: Outcome[] = count === 1 ? [] : [...(await playRegression(worlds))]
  let seeds = 0
  for (; seeds < count && Date.now() < endMs; seeds++) {
    for (const world of worlds) {
      outcomes.push(await playSeed(world, firstSeed + seeds, seeds % TWICE_EVERY === 0))
    }
    if (!values.json && (seeds + 1) % 100 === 0) say(`${seeds + 1} seeds`)
  }
  const mutants = values.mutants ? {mutants: await huntAll(worlds, firstSeed)} : {}
  const used = cpuUsage(started)
  const report: Report = {
    seeds,
    firstSeed,
    ...summary(outcomes),
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

async function playRegression(worlds: readonly WorldKind[]): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = []
  for (const line of readFileSync(REGRESSION, 'utf8').split('\n')) {
    if (line === '') continue
    const entry = JSON.parse(line) as {readonly world: string; readonly seed: number}
    const world = worlds.find(({name}) => name === entry.world)
    if (world !== undefined) outcomes.push(await playSeed(world, entry.seed, false))
  }
  return outcomes
}

async function playSeed(world: WorldKind, seed: number, again: boolean): Promise<Outcome> {
  const outcome = await world.play(seed, values.trace ? say : undefined)
  for (const {invariant, detail} of outcome.violations) {
    say(`WORLD=${world.name} SEED=${seed} ${invariant}: ${detail}`)
  }
  if (!outcome.converged) say(`WORLD=${world.name} SEED=${seed} did not converge`)
  return again ? twice(world, seed, outcome) : outcome
}

/** Progress and findings go to stderr: the last line of stdout is the report. */
function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

async function twice(world: WorldKind, seed: number, first: Outcome): Promise<Outcome> {
  const second = await world.play(seed)
  if (second.digest === first.digest) return first
  const detail = `two runs in ${world.name} differ: ${first.digest} and ${second.digest}`
  say(`SEED=${seed} ${detail}`)
  return {...first, violations: [...first.violations, {seed, invariant: 'determinism', detail}]}
}

async function huntAll(
  worlds: readonly WorldKind[],
  firstSeed: number,
): Promise<readonly MutantResult[]> {
  const results: MutantResult[] = []
  for (const {mutants} of worlds) {
    for (const mutant of mutants) results.push(await hunt(mutant, firstSeed))
  }
  return results
}

/** Runs a mutant until a checker fires. */
async function hunt(
  mutant: WorldKind['mutants'][number],
  firstSeed: number,
): Promise<MutantResult> {
  for (let seed = firstSeed; seed < firstSeed + MUTANT_SEEDS; seed++) {
    const outcome = await mutant.play(seed)
    const [violation] = outcome.violations
    if (violation === undefined) continue
    say(`mutant ${mutant.name}: seed ${seed} ${violation.invariant}: ${violation.detail}`)
    return {name: mutant.name, caught: true, seed}
  }
  say(`mutant ${mutant.name} was not caught`)
  return {name: mutant.name, caught: false, seed: null}
}

function summary(outcomes: readonly Outcome[]): Omit<Report, 'cpuSeconds' | 'seeds' | 'firstSeed'> {
  const virtualMs = outcomes.reduce((sum, outcome) => sum + outcome.virtualMs, 0)
  return {
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
  return refuse(`${flag} wants a positive number, not ${JSON.stringify(text)}`)
}

function refuse(why: string): never {
  say(why)
  return process.exit(2)
}
