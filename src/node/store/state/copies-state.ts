/**
 * On how many mountpaths the objects of each mirrored bucket lie, since when: kept on the system
 * disk, durable before the first write under a lower number. Says also whether the last stop was
 * clean: after a crash one copy of a key may be ahead of the others.
 */

import {AisError} from '../../../base/errors.ts'
import type {BucketCopies} from '../../../core/objects/copies.ts'
import type {Fs} from '../fs/fs.ts'
import {readWhole, writeWhole} from '../fs/fs.ts'

const FILE = 'copies.json'
const FORMAT = 1
/** 10,000 buckets of 16 changes each take 10 MB. */
const BYTES_MAX = 64 * 1024 * 1024

export interface CopiesState {
  readonly buckets: ReadonlyMap<string, BucketCopies>
  /** Nothing was being written when the process ended. */
  readonly clean: boolean
}

export const NO_COPIES: CopiesState = {buckets: new Map(), clean: true}

/** @throws AisError INCOMPATIBLE or BAD_CONFIG */
export function readCopies(directory: string, port: Fs): CopiesState {
  const path = `${directory}/${FILE}`
  const bytes = readWhole(port, path, BYTES_MAX)
  if (bytes === undefined) return NO_COPIES
  const raw = parse(bytes.toString('utf8'))
  if (raw === undefined) {
    throw new AisError({
      code: 'BAD_CONFIG',
      message: `${path} is damaged`,
      hint: 'remove it: the target will take every bucket for one without copies, and make them anew',
    })
  }
  if (raw.format > FORMAT) {
    throw new AisError({
      code: 'INCOMPATIBLE',
      message: `${path} has format ${raw.format}, this release knows up to ${FORMAT}`,
      hint: 'start the release that wrote it; nothing was changed',
    })
  }
  const buckets = new Map<string, BucketCopies>(
    raw.buckets.map(({bid, settled, changes}) => [
      bid,
      {
        settledCounter: BigInt(settled),
        changes: changes.map(({since, copies}) => ({sinceCounter: BigInt(since), copies})),
      },
    ]),
  )
  return {buckets, clean: raw.clean}
}

/** Durable when it returns. */
export function writeCopies(directory: string, state: CopiesState, port: Fs): void {
  const buckets = [...state.buckets].map(([bid, {settledCounter, changes}]) => ({
    bid,
    settled: String(settledCounter),
    changes: changes.map(({sinceCounter, copies}) => ({since: String(sinceCounter), copies})),
  }))
  const text = `${JSON.stringify({format: FORMAT, clean: state.clean, buckets})}\n`
  writeWhole(port, directory, FILE, Buffer.from(text, 'utf8'))
}

interface RawBucket {
  readonly bid: string
  readonly settled: string
  readonly changes: readonly {readonly since: string; readonly copies: number}[]
}

interface RawCopies {
  readonly format: number
  readonly clean: boolean
  readonly buckets: readonly RawBucket[]
}

function parse(text: string): RawCopies | undefined {
  try {
    const raw: unknown = JSON.parse(text)
    if (typeof raw !== 'object' || raw === null) return undefined
    const {format, clean, buckets} = raw as Partial<RawCopies>
    if (typeof format !== 'number' || typeof clean !== 'boolean') return undefined
    if (format > FORMAT) return {format, clean, buckets: []}
    return Array.isArray(buckets) && buckets.every(isBucket) ? {format, clean, buckets} : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

const COUNTER = /^\d{1,20}$/

function isBucket(raw: Partial<RawBucket>): boolean {
  if (typeof raw.bid !== 'string' || !COUNTER.test(raw.settled ?? '')) return false
  return (
    Array.isArray(raw.changes) &&
    raw.changes.every(
      ({since, copies}: {since?: string; copies?: number}) =>
        COUNTER.test(since ?? '') && Number.isSafeInteger(copies) && (copies ?? 0) > 0,
    )
  )
}
