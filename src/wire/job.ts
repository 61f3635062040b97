/**
 * The one job that AIStore's clients may ask for here, the rebalance, in the shapes of its job API:
 * `what=status|status_all|running_all|qryxstats`, and a node's `rebalance_snap`.
 */

import {rebalanceId} from './rmd.ts'
import type {JsonMap} from './json.ts'
import {formatRfc3339Nano} from './time.ts'

export const REBALANCE_KIND = 'rebalance'

/** How one rebalance stands. */
export interface RebalanceJob {
  /** `rmd.version`. */
  readonly rebalance: number
  /** Ms since 1970. */
  readonly beganMs: number
  /** Null while it runs. */
  readonly endedMs: number | null
  /** It ended, and not everything has moved. */
  readonly aborted: boolean
}

/** What one target has done in it. */
export interface RebalanceShare {
  readonly objects: number
  readonly bytes: number
  /** Received by it. */
  readonly inObjects: number
  readonly inBytes: number
  /** How it stands, in words. */
  readonly text: string
  readonly problem: string
}

const NS_PER_MS = 1_000_000n
/** Go's zero time: not yet. */
const NEVER = '0001-01-01T00:00:00Z'

function nsOf(ms: number): bigint {
  return BigInt(Math.floor(ms)) * NS_PER_MS
}

/** One target's part, keys in Go's order. */
export function encodeSnap(job: RebalanceJob, share: RebalanceShare): JsonMap {
  return {
    'ext': null,
    'start-time': formatRfc3339Nano(nsOf(job.beganMs)),
    'end-time': job.endedMs === null ? NEVER : formatRfc3339Nano(nsOf(job.endedMs)),
    'bck': {},
    'src-bck': {},
    'dst-bck': {},
    'id': rebalanceId(job.rebalance),
    'kind': REBALANCE_KIND,
    'ctlmsg': share.text,
    'abort-err': job.aborted ? 'stopped' : '',
    'err': share.problem,
    'glob.id': '0',
    'stats': {
      'loc-objs': '0',
      'loc-bytes': '0',
      'out-objs': String(share.objects),
      'out-bytes': String(share.bytes),
      'in-objs': String(share.inObjects),
      'in-bytes': String(share.inBytes),
    },
    'aborted': job.aborted,
    'is_idle': false,
  }
}

/** The whole job, keys in Go's order. */
export function encodeJobStatus(job: RebalanceJob): JsonMap {
  return {
    kind: REBALANCE_KIND,
    uuid: rebalanceId(job.rebalance),
    err: '',
    end_time: job.endedMs === null ? 0 : nsOf(job.endedMs),
    aborted: job.aborted,
  }
}

/** `rebalance[g3]`. */
export function jobName(rebalance: number): string {
  return `${REBALANCE_KIND}[${rebalanceId(rebalance)}]`
}
