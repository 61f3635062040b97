/**
 * The simulator: the shipped kernel and object path in virtual worlds, seed after seed. Every seed
 * is played twice: once among kernels (`world/`), once with stores on disks that forget
 * (`objects/`).
 *
 *     npm run sim -- --seeds N [--seed S] [--for MIN] [--append FILE] [--json]
 *                    [--twice] [--world kernels|objects] [--mutants] [--crash-points [--stride N]]
 *                    [--trace [--watch NODE]] [--shrink]
 *
 * A failing seed replays exactly: `--world W --seed S --seeds 1 --trace`; `--shrink` makes its plan
 * smaller and prints a line for `seeds/regression.jsonl`. Every fiftieth seed runs twice, with
 * `--twice` every one, and both runs must agree; another fiftieth runs again without the jumps of
 * wall clocks, and must agree all the same (C23). Seeds that once failed are played first, but with
 * `--fresh` or a single seed. The last line of stdout is one JSON object; the exit code is 0 only
 * without violations, with every seed converged and every mutant caught.
 */

import {appendFileSync} from 'node:fs'
import {cpuUsage} from 'node:process'
import {parseArgs} from 'node:util'

import {playCrashPoints} from './crash-points.ts'
import {huntAll, measureCheckQuorum} from './hunt.ts'
import {WORLDS, type WorldKind} from './kinds.ts'
import {readRegression} from './regression.ts'
import {createSummary, type Report} from './report.ts'
import {shrink} from './shrink.ts'
import {optionsOf} from './world/options.ts'
import {runWorld, type Outcome} from './world/world.ts'

/** A seed that is run again to see that it says the same. */
const TWICE_EVERY = 50
/** Of those, the one that runs again without jumps of wall clocks. */
const CALM_WALL_AT = 25

const {values} = parseArgs({
  options: {
    'seeds': {type: 'string', default: '200'},
    'seed': {type: 'string', default: '1'},
    'for': {type: 'string'},
    'append': {type: 'string'},
    'json': {type: 'boolean', default: false},
    'mutants': {type: 'boolean', default: false},
    'crash-points': {type: 'boolean', default: false},
    'stride': {type: 'string', default: '1'},
    'fresh': {type: 'boolean', default: false},
    'trace': {type: 'boolean', default: false},
    'watch': {type: 'string'},
    'shrink': {type: 'boolean', default: false},
    'world': {type: 'string'},
    'twice': {type: 'boolean', default: false},
  },
})
process.exitCode = (await main()) ? 0 : 1

async function main(): Promise<boolean> {
  const started = cpuUsage()
  const firstSeed = positive(values.seed, '--seed')
  if (values.shrink) return shrinkSeed(firstSeed)
  const count = values.for === undefined ? positive(values.seeds, '--seeds') : Infinity
  const endMs =
    values.for === undefined ? Infinity : Date.now() + positive(values.for, '--for') * 60_000
  const worlds = WORLDS.filter(({name}) => values.world === undefined || name === values.world)
  if (worlds.length === 0) return refuse(`--world is kernels or objects, not ${values.world}`)
  const {add, summary} = createSummary()
  if (count !== 1 && !values.fresh) await playRegression(worlds, add)
  let seeds = 0
  for (; seeds < count && Date.now() < endMs; seeds++) {
    for (const world of worlds) add(await playSeed(world, firstSeed + seeds, seeds))
    if (!values.json && (seeds + 1) % 100 === 0) say(`${seeds + 1} seeds`)
  }
  const extras = await playExtras(worlds, firstSeed)
  const used = cpuUsage(started)
  const cpuSeconds = Math.round((used.user + used.system) / 1e4) / 100
  const report: Report = {seeds, firstSeed, ...summary(), cpuSeconds, ...extras}
  if (values.append !== undefined) appendFileSync(values.append, `${JSON.stringify(report)}\n`)
  console.log(JSON.stringify(report))
  return isGood(report)
}

function isGood(report: Report): boolean {
  const {violations, notConverged, mutants = [], measured = [], crashPoints = []} = report
  return (
    violations.length === 0 &&
    notConverged.length === 0 &&
    mutants.every(({caught}) => caught) &&
    measured.every((one) => one.violations === 0) &&
    crashPoints.every((one) => one.violations.length === 0)
  )
}

async function playExtras(
  worlds: readonly WorldKind[],
  firstSeed: number,
): Promise<Pick<Report, 'mutants' | 'measured' | 'crashPoints'>> {
  const mutants = values.mutants ? {mutants: await huntAll(worlds, firstSeed, say)} : {}
  const kernels = worlds.some(({name}) => name === 'kernels')
  const measured =
    values.mutants && kernels ? {measured: [await measureCheckQuorum(firstSeed)]} : {}
  const crashPoints = values['crash-points']
    ? {crashPoints: playCrashPoints(firstSeed, positive(values.stride, '--stride'), say)}
    : {}
  return {...mutants, ...measured, ...crashPoints}
}

async function playRegression(
  worlds: readonly WorldKind[],
  add: (outcome: Outcome) => void,
): Promise<void> {
  for (const {world: name, seed, plan} of readRegression()) {
    const world = worlds.find((one) => one.name === name)
    if (world === undefined) continue
    const outcome = await (plan === undefined ? world.play(seed) : world.replay(seed, plan))
    told(world, outcome)
    add(outcome)
  }
}

async function playSeed(world: WorldKind, seed: number, at: number): Promise<Outcome> {
  const outcome = await world.play(seed, {
    trace: values.trace ? say : undefined,
    watched: values.watch,
  })
  told(world, outcome)
  if (values.twice || at % TWICE_EVERY === 0) return again(world, outcome, true)
  return at % TWICE_EVERY === CALM_WALL_AT ? again(world, outcome, false) : outcome
}

function told(world: WorldKind, {seed, violations, converged}: Outcome): void {
  for (const {invariant, detail} of violations) {
    say(`WORLD=${world.name} SEED=${seed} ${invariant}: ${detail}`)
  }
  if (!converged) say(`WORLD=${world.name} SEED=${seed} did not converge`)
}

/** Progress and findings go to stderr: the last line of stdout is the report. */
function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

async function again(world: WorldKind, first: Outcome, wallJumps: boolean): Promise<Outcome> {
  const {seed} = first
  const second = await world.play(seed, {wallJumps})
  if (second.digest === first.digest) return first
  const detail = `two runs in ${world.name} differ: ${first.digest} and ${second.digest}`
  say(`SEED=${seed} ${detail}`)
  const invariant = wallJumps ? 'determinism' : 'C23'
  return {...first, violations: [...first.violations, {seed, invariant, detail}]}
}

/** Makes a failing seed's plan smaller, and prints it for the regression seeds. */
function shrinkSeed(seed: number): boolean {
  const entry = readRegression().find((one) => one.seed === seed && one.plan !== undefined)
  const found = shrink({...optionsOf(seed), ...entry?.plan}, say)
  if (found === null) return refuse(`seed ${seed} does not fail`)
  const plan = found.options
  if (values.trace) runWorld(found.options, {trace: say})
  say(`${found.invariant} with ${plan.faults.length} faults, after ${found.runs} runs`)
  console.log(JSON.stringify({world: 'kernels', seed, why: found.invariant, plan}))
  return false
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
