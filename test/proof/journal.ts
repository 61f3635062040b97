/**
 * What proofs have found so far: one line per slice, appended and flushed as soon as it is known,
 * so that a run may end at any moment. Lines are never rewritten.
 */

import {closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync} from 'node:fs'
import {fileURLToPath} from 'node:url'

/** The outcome of a range of seeds: sums, and the seeds that found something. */
export interface Slice {
  readonly format: 2
  /** When it ended, for people. */
  readonly at: string
  readonly first: number
  readonly seeds: number
  readonly events: number
  readonly clusterHours: number
  readonly cpuSeconds: number
  readonly topologies: Readonly<Record<string, TopologyCount>>
  readonly violations: readonly {
    readonly seed: number
    readonly invariant: string
    readonly detail: string
  }[]
  readonly notConverged: readonly number[]
}

/** Seeds of one topology. */
export interface TopologyCount {
  readonly seeds: number
  readonly violations: number
  readonly notConverged: number
}

/** A slice with the commit that it was run at; `-dirty` when the tree had changes. */
export interface CommittedSlice extends Slice {
  readonly commit: string
}

/** Appends one slice and makes it durable. */
export function appendSlice(name: string, slice: CommittedSlice): void {
  const file = openSync(pathOf(name), 'a')
  try {
    writeSync(file, `${JSON.stringify(slice)}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** All slices so far; none when nothing was run. Those of an earlier format are not comparable. */
export function readSlices(name: string): readonly CommittedSlice[] {
  const path = pathOf(name)
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as CommittedSlice)
    .filter(({format}) => format === 2)
}

function pathOf(name: string): string {
  return fileURLToPath(new URL(`${name}.jsonl`, import.meta.url))
}
