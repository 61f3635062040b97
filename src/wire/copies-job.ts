/**
 * The job that brings a bucket's objects to their number of copies: how targets tell of it
 * (`what=copies`), and its shapes in AIStore's job API, kind `make-n-copies`.
 */

import type {BucketRef} from '../model/bucket.ts'
import {encodeBucketRef} from './bmd.ts'
import {count, decodeWith, list, nullable, struct, text, word} from './decode.ts'
import type {Json, JsonMap} from './json.ts'
import {formatRfc3339Nano} from './time.ts'

export const COPIES_KIND = 'make-n-copies'

/** How far one target is with one bucket. */
export interface CopiesShare {
  readonly bid: string
  /** Index of the record that asked for it, as far as this target has heard. */
  readonly copiesAt: number
  readonly state: 'running' | 'failing' | 'done'
  /** Ms since 1970. */
  readonly beganMs: number
  readonly endedMs: number | null
  readonly objects: number
  readonly bytes: number
  readonly removed: number
  /** Why it does not come to an end; '' when nothing is in the way. */
  readonly problem: string
}

/** One bucket's job over all targets. */
export interface CopiesJob {
  readonly copiesAt: number
  readonly ref: BucketRef
  readonly beganMs: number
  /** Null while one target goes on. */
  readonly endedMs: number | null
}

const SHARES = list(
  struct({
    bid: text,
    copiesAt: count,
    state: word(['running', 'failing', 'done']),
    beganMs: count,
    endedMs: nullable(count),
    objects: count,
    bytes: count,
    removed: count,
    problem: text,
  }),
)

/** A target's answer. */
export function encodeCopiesShares(shares: readonly CopiesShare[]): readonly JsonMap[] {
  return shares.map((share) => ({...share}))
}

/** The inverse. @throws AisError BAD_REQUEST */
export function decodeCopiesShares(answer: Json): readonly CopiesShare[] {
  return decodeWith(SHARES, answer, 'copies')
}

/** `n7`: asked for by record 7. */
export function copiesJobId(copiesAt: number): string {
  return `n${copiesAt}`
}

/** `make-n-copies[n7]`. */
export function copiesJobName({copiesAt}: CopiesJob): string {
  return `${COPIES_KIND}[${copiesJobId(copiesAt)}]`
}

/** The whole job, keys in Go's order. */
export function encodeCopiesStatus(job: CopiesJob): JsonMap {
  return {
    kind: COPIES_KIND,
    uuid: copiesJobId(job.copiesAt),
    err: '',
    end_time: job.endedMs === null ? 0 : nsOf(job.endedMs),
    aborted: false,
  }
}

/** One target's part, keys in Go's order. */
export function encodeCopiesSnap(job: CopiesJob, share: CopiesShare): JsonMap {
  const {endedMs} = share
  return {
    'ext': null,
    'start-time': formatRfc3339Nano(nsOf(share.beganMs)),
    'end-time': endedMs === null ? NEVER : formatRfc3339Nano(nsOf(endedMs)),
    'bck': encodeBucketRef(job.ref),
    'src-bck': {},
    'dst-bck': {},
    'id': copiesJobId(job.copiesAt),
    'kind': COPIES_KIND,
    'ctlmsg': share.state === 'done' ? '' : share.state,
    'abort-err': '',
    'err': share.problem,
    'glob.id': '0',
    'stats': {
      'loc-objs': String(share.objects),
      'loc-bytes': String(share.bytes),
      'out-objs': '0',
      'out-bytes': '0',
      'in-objs': '0',
      'in-bytes': '0',
    },
    'aborted': false,
    'is_idle': false,
  }
}

const NS_PER_MS = 1_000_000n
/** Go's zero time: not yet. */
const NEVER = '0001-01-01T00:00:00Z'

function nsOf(ms: number): bigint {
  return BigInt(Math.floor(ms)) * NS_PER_MS
}
