/**
 * Plays scenarios one after the other, and says each one's outcome as a line of JSON on stdout. On
 * hosts it runs inside the lab's network; `processes` makes a playground of its own.
 *
 *   main.ts LAB DIRECTORY [--long] NAME…
 *   main.ts processes - [--long] NAME…
 */

import {startPlayground} from '../../bench/playground.ts'
import {Checks, type Outcome} from '../stage/checks.ts'
import {playOn} from '../stage/play.ts'
import type {Stage} from '../stage/stage.ts'
import {chosen} from './all.ts'
import type {Scenario} from './scenario.ts'

/** One line of the output. */
export interface Played extends Outcome {
  readonly name: string
  readonly title: string
  readonly seconds: number
}

const [lab = '', directory = '', ...words] = process.argv.slice(2)
const long = words.includes('--long')
const only = words.filter((word) => !word.startsWith('--'))
const processes = lab === 'processes'
const places = ['hosts', 'seven', 'smallest', 'processes'] as const
const scenarios = only.length === 0 ? [] : chosen({places, long, only})
if (processes) await onProcesses()
else {
  const {labStage} = await import('../stage/lab-stage.ts')
  await playAll(labStage(lab, directory))
}

/** What a scenario has spoiled is no matter of the next one: it gets a cluster of its own. */
async function onProcesses(): Promise<void> {
  const {playgroundStage} = await import('../stage/playground-stage.ts')
  for (let left = scenarios; left.length > 0;) {
    const playground = await startPlayground(3, 4)
    try {
      const stage = await playgroundStage(playground)
      left = await playUntilSpoiled(stage, left).finally(() => stage.local?.end())
    } finally {
      await playground.down()
    }
  }
}

/** Plays until a check does not hold; what is left to be played. */
async function playUntilSpoiled(
  stage: Stage,
  some: readonly Scenario[],
): Promise<readonly Scenario[]> {
  for (const [at, scenario] of some.entries()) {
    const checks = await playOne(stage, scenario)
    if (checks.some(({ok}) => !ok)) return some.slice(at + 1)
  }
  return []
}

async function playOne(stage: Stage, scenario: Scenario): Promise<Played['checks']> {
  const startMs = performance.now()
  const outcome = await play(stage, scenario)
  const seconds = Math.round((performance.now() - startMs) / 100) / 10
  const {name, title} = scenario
  const line: Played = {name, title, seconds, ...outcome}
  process.stdout.write(`${JSON.stringify(line)}\n`)
  return outcome.checks
}

async function playAll(stage: Stage): Promise<void> {
  for (const scenario of scenarios) await playOne(stage, scenario)
}

/** What a scenario throws is a check that does not hold, after those that were made before. */
async function play(stage: Stage, {name, run}: Scenario): Promise<Outcome> {
  const checks = new Checks()
  const options = {longRun: long, name: `${name}-${Date.now().toString(36)}`, checks}
  try {
    await playOn(stage, options, run)
  } catch (error) {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error)
    checks.expect(false, 'it is played to its end', detail)
  } finally {
    await stage.hosts?.heal()
  }
  return checks.outcome()
}
