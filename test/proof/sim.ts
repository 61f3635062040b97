/**
 * The proof `sim`: ever new seeds through test/sim/main.ts, in slices, until the time is up. Stops
 * at nothing but the clock: a violation is written down with its seed and the run goes on.
 */

import {execFile} from 'node:child_process'
import {fileURLToPath} from 'node:url'
import {judge, type Row} from '../bench/row.ts'
import type {CommittedSlice, Slice} from './journal.ts'

const MAIN = fileURLToPath(new URL('../sim/main.ts', import.meta.url))
/** Seeds of a slice: about a minute, so that little is lost when a run is cut off. */
const SLICE_SEEDS = 100
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024
/** What the first release must have seen. */
const SEEDS_GOAL = 2000

export interface SimRun {
  readonly minutes: number
  /** First seed that was not used yet. */
  readonly first: number
  onSlice(slice: Slice): void
}

/** Runs slices until the minutes are over; at least one. */
export async function proveSim({minutes, first, onSlice}: SimRun): Promise<void> {
  const untilMs = performance.now() + minutes * 60_000
  let seed = first
  do {
    const slice = await runSlice(seed)
    onSlice(slice)
    process.stderr.write(`seeds ${seed}..${seed + slice.seeds - 1}: ${describe(slice)}\n`)
    seed += slice.seeds
  } while (performance.now() < untilMs)
}

/** The sum so far, and how much of it is of the present commit. */
export function reportSim(slices: readonly CommittedSlice[], commit: string): readonly Row[] {
  const present = slices.filter((slice) => slice.commit === commit)
  return [
    ...figures('all commits', slices, ''),
    ...figures(`commit ${commit}`, present, `value>=${SEEDS_GOAL}`),
  ]
}

function figures(label: string, slices: readonly CommittedSlice[], goal: string): readonly Row[] {
  const sum = (pick: (slice: CommittedSlice) => number): number =>
    slices.reduce((total, slice) => total + pick(slice), 0)
  const seeds = sum((slice) => slice.seeds)
  const row = (metric: string, unit: string, value: number, judged = ''): Row =>
    judge({metric: `${label}: ${metric}`, unit, value, n: seeds, ...withGoal(judged)})
  const limit = goal === '' ? '' : 'value<=0'
  return [
    row('seeds', 'seeds', seeds, goal),
    row(
      'virtual time',
      'cluster-hours',
      sum((slice) => slice.clusterHours),
    ),
    row(
      'events',
      'events',
      sum((slice) => slice.events),
    ),
    row(
      'violations',
      'violations',
      sum((slice) => slice.violations.length),
      limit,
    ),
    row(
      'not converged',
      'seeds',
      sum((slice) => slice.notConverged.length),
      limit,
    ),
  ]
}

function withGoal(goal: string): {goal?: string} {
  return goal === '' ? {} : {goal}
}

function describe({violations, notConverged, events}: Slice): string {
  return `${events} events, ${violations.length} violations, ${notConverged.length} not converged`
}

/** One slice: the simulator's last line of output is its outcome, also when it found violations. */
function runSlice(first: number): Promise<Slice> {
  const args = [MAIN, '--seeds', String(SLICE_SEEDS), '--seed', String(first), '--json']
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, {maxBuffer: OUTPUT_BYTES_MAX}, (error, stdout, stderr) => {
      const line = stdout.trim().split('\n').at(-1) ?? ''
      if (!line.startsWith('{')) {
        return reject(new Error(`the simulator said nothing to count: ${stderr}`, {cause: error}))
      }
      const outcome = JSON.parse(line) as Omit<Slice, 'format' | 'at' | 'first'>
      const {seeds, events, clusterHours, cpuSeconds, faults, violations, notConverged} = outcome
      const counted = {seeds, events, clusterHours, cpuSeconds, faults, violations, notConverged}
      resolve({format: 1, at: new Date().toISOString(), first, ...counted})
    })
  })
}
