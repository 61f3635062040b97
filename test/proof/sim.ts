/**
 * The proofs by simulation: ever new seeds through test/sim/main.ts, in slices, until the time is
 * up. They stop at nothing but the clock: a violation is written down with its seed and the run
 * goes on.
 */

import {execFile} from 'node:child_process'
import {fileURLToPath} from 'node:url'
import {judge, type Row} from '../bench/row.ts'
import type {CommittedSlice, Slice, TopologyCount} from './journal.ts'

const MAIN = fileURLToPath(new URL('../sim/main.ts', import.meta.url))
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024

/** One proof: a kind of world, and how many of its seeds have to be seen. */
export interface Proof {
  readonly name: string
  readonly world: 'kernels' | 'objects'
  /** Seeds of a slice: less than a minute, so that little is lost when a run is cut off. */
  readonly sliceSeeds: number
  readonly seedsGoal: number
  /** Seeds of one topology that have to be among them. */
  readonly topologyGoals: Readonly<Record<string, number>>
  /** What it runs: a change elsewhere unmakes no proof. */
  readonly sources: readonly string[]
}

/** What kernels run: the pure folders and the simulator. */
const PURE = ['src/base', 'src/model', 'src/wire', 'src/core', 'test/sim']
/** What stores run besides. */
const DATA = ['move', 'objects', 'store'].map((folder) => `src/node/${folder}`)

export const PROOFS: readonly Proof[] = [
  {
    name: 'sim',
    world: 'kernels',
    sliceSeeds: 500,
    seedsGoal: 100_000,
    topologyGoals: {'3p+4t': 15_000},
    sources: PURE,
  },
  {
    name: 'sim-objects',
    world: 'objects',
    sliceSeeds: 200,
    seedsGoal: 20_000,
    topologyGoals: {},
    sources: [...PURE, ...DATA],
  },
]

export interface SimRun {
  readonly proof: Proof
  readonly minutes: number
  /** Slices that are played at a time. */
  readonly jobs: number
  /** First seed that was not used yet. */
  readonly first: number
  onSlice(slice: Slice): void
}

/** Runs slices until the minutes are over; at least one. */
export async function proveSim({proof, minutes, jobs, first, onSlice}: SimRun): Promise<void> {
  const untilMs = performance.now() + minutes * 60_000
  let next = first
  const work = async (): Promise<void> => {
    do {
      const seed = next
      next += proof.sliceSeeds
      const slice = await runSlice(proof, seed)
      onSlice(slice)
      process.stderr.write(`seeds ${seed}..${seed + slice.seeds - 1}: ${describe(slice)}\n`)
    } while (performance.now() < untilMs)
  }
  await Promise.all(Array.from({length: jobs}, work))
}

/** The sum so far, and how much of it is of the present commit. */
export function reportSim(
  proof: Proof,
  slices: readonly CommittedSlice[],
  commit: string,
): readonly Row[] {
  const present = slices.filter((slice) => slice.commit === commit)
  return [...figures('all commits', slices, null), ...figures(`commit ${commit}`, present, proof)]
}

/** @param proof whose goals these slices have to meet; null: none */
function figures(
  label: string,
  slices: readonly CommittedSlice[],
  proof: Proof | null,
): readonly Row[] {
  const sum = (pick: (slice: CommittedSlice) => number): number =>
    slices.reduce((total, slice) => total + pick(slice), 0)
  const seeds = sum((slice) => slice.seeds)
  const row = (metric: string, unit: string, value: number, goal?: string): Row =>
    judge({
      metric: `${label}: ${metric}`,
      unit,
      value,
      n: seeds,
      ...(goal === undefined ? {} : {goal}),
    })
  const hours = sum((slice) => slice.clusterHours)
  const minutes = sum((slice) => slice.cpuSeconds) / 60
  const none = proof === null ? undefined : 'value<=0'
  return [
    row('seeds', 'seeds', seeds, proof === null ? undefined : `value>=${proof.seedsGoal}`),
    ...topologyRows(slices, proof, row),
    row('virtual time', 'cluster-hours', hours),
    row('speed', 'cluster-hours/CPU-min', minutes === 0 ? 0 : hours / minutes),
    row(
      'events',
      'events',
      sum((slice) => slice.events),
    ),
    row(
      'violations',
      'violations',
      sum((slice) => slice.violations.length),
      none,
    ),
    row(
      'not converged',
      'seeds',
      sum((slice) => slice.notConverged.length),
      none,
    ),
  ]
}

type MakeRow = (metric: string, unit: string, value: number, goal?: string) => Row

/** One row per topology: its seeds, and what was found among them in the row's name. */
function topologyRows(
  slices: readonly CommittedSlice[],
  proof: Proof | null,
  row: MakeRow,
): readonly Row[] {
  const goals = proof?.topologyGoals ?? {}
  const names = [...slices.flatMap((slice) => Object.keys(slice.topologies)), ...Object.keys(goals)]
  return [...new Set(names)].sort().map((name) => {
    const counts = slices.flatMap((slice) => slice.topologies[name] ?? [])
    const add = (pick: (count: TopologyCount) => number): number =>
      counts.reduce((total, count) => total + pick(count), 0)
    const bad = add((count) => count.violations) + add((count) => count.notConverged)
    const goal = goals[name]
    const metric = bad === 0 ? `seeds of ${name}` : `seeds of ${name}, ${bad} findings`
    const seeds = add((count) => count.seeds)
    return row(metric, 'seeds', seeds, goal === undefined ? undefined : `value>=${goal}`)
  })
}

function describe({violations, notConverged, events}: Slice): string {
  return `${events} events, ${violations.length} violations, ${notConverged.length} not converged`
}

/** One slice: the simulator's last line of output is its outcome, also when it found violations. */
function runSlice({world, sliceSeeds}: Proof, first: number): Promise<Slice> {
  const range = ['--seeds', String(sliceSeeds), '--seed', String(first)]
  const args = [MAIN, '--world', world, ...range, '--fresh', '--json']
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, {maxBuffer: OUTPUT_BYTES_MAX}, (error, stdout, stderr) => {
      const line = stdout.trim().split('\n').at(-1) ?? ''
      if (!line.startsWith('{')) {
        return reject(new Error(`the simulator said nothing to count: ${stderr}`, {cause: error}))
      }
      resolve({format: 2, at: new Date().toISOString(), first, ...counted(line)})
    })
  })
}

function counted(line: string): Omit<Slice, 'format' | 'at' | 'first'> {
  const outcome = JSON.parse(line) as Omit<Slice, 'format' | 'at' | 'first'>
  const {seeds, events, clusterHours, cpuSeconds, topologies, violations, notConverged} = outcome
  return {seeds, events, clusterHours, cpuSeconds, topologies, violations, notConverged}
}
