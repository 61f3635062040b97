/**
 * Everything an operator or a client can meet that is not a defect: one closed table of codes, each
 * with its HTTP status and the exit code of `aisctl`. A code is defined here once and never
 * re-wrapped under another name. Defects are `BugError` (assert.ts).
 */

/** One row: HTTP status, `aisctl` exit code, and the AIStore `tcode` if clients look for one. */
export interface ErrorRow {
  readonly status: number
  readonly exit: number
  readonly tcode?: string
}

/**
 * Exit codes of `aisctl`: 0 done · 1 failed · 2 wrong usage · 3 not found · 4 refused, nothing was
 * changed · 5 unreachable · 6 partly done, can be resumed · 7 timed out · 130 interrupted.
 */
export const ERROR_TABLE = {
  BAD_REQUEST: {status: 400, exit: 2},
  BAD_NAME: {status: 400, exit: 2},
  BAD_CONFIG: {status: 400, exit: 2},
  BAD_CHECKSUM: {status: 400, exit: 1, tcode: 'ErrBadCksum'},
  NOT_REDIRECTED: {status: 400, exit: 1},
  /** The node that is named is in a state, or has an office, in which it cannot be done. */
  WRONG_STATE: {status: 400, exit: 4},
  UNAUTHENTICATED: {status: 401, exit: 4},
  FORBIDDEN: {status: 403, exit: 4},
  NOT_FOUND: {status: 404, exit: 3, tcode: 'ErrNotFound'},
  OBJECT_NOT_FOUND: {status: 404, exit: 3, tcode: 'ErrNotFound'},
  NOTHING_DELETED: {status: 404, exit: 3},
  BUCKET_NOT_FOUND: {status: 404, exit: 3, tcode: 'ErrBckNotFound'},
  NODE_NOT_FOUND: {status: 404, exit: 3, tcode: 'errNodeNotFound'},
  MOUNTPATH_NOT_FOUND: {status: 404, exit: 3, tcode: 'ErrMpathNotFound'},
  JOB_NOT_FOUND: {status: 404, exit: 3, tcode: 'ErrXactNotFound'},
  METHOD_NOT_ALLOWED: {status: 405, exit: 2},
  BUCKET_EXISTS: {status: 409, exit: 4, tcode: 'ErrBucketAlreadyExists'},
  BUSY: {status: 409, exit: 4, tcode: 'ErrBusy'},
  STALE_RECORD: {status: 409, exit: 4},
  DUPLICATE_NODE: {status: 409, exit: 4},
  WRONG_CLUSTER: {status: 409, exit: 4},
  INCOMPATIBLE: {status: 409, exit: 4},
  TOO_LARGE: {status: 413, exit: 2},
  BAD_RANGE: {status: 416, exit: 2, tcode: 'ErrRangeNotSatisfiable'},
  RATE_LIMITED: {status: 429, exit: 4},
  INTERNAL: {status: 500, exit: 1},
  IO_ERROR: {status: 500, exit: 1},
  UNSUPPORTED: {status: 501, exit: 2, tcode: 'ErrUnsupp'},
  NOT_READY: {status: 503, exit: 5},
  NO_PRIMARY: {status: 503, exit: 5},
  NO_QUORUM: {status: 503, exit: 5},
  NO_TARGETS: {status: 503, exit: 5},
  OWNER_UNAVAILABLE: {status: 503, exit: 5},
  LIST_INCOMPLETE: {status: 503, exit: 5},
  TOO_BUSY: {status: 503, exit: 5},
  UNREACHABLE: {status: 503, exit: 5},
  // 504: clients repeat 503 by themselves, and this must not be repeated unseen.
  OUTCOME_UNKNOWN: {status: 504, exit: 5},
  NO_SPACE: {status: 507, exit: 1, tcode: 'ErrCapExceeded'},
  BAD_TOPOLOGY: {status: 400, exit: 2},
  USAGE: {status: 400, exit: 2},
  REFUSED: {status: 409, exit: 4},
  HOST_KEY_UNKNOWN: {status: 403, exit: 4},
  HOST_KEY_CHANGED: {status: 403, exit: 4},
  HOST_AUTH: {status: 403, exit: 4},
  HOST_COMMAND: {status: 500, exit: 1},
  PARTIAL: {status: 500, exit: 6},
  TIMED_OUT: {status: 504, exit: 7},
  INTERRUPTED: {status: 500, exit: 130},
} as const satisfies Record<string, ErrorRow>

/** The closed union of codes. */
export type ErrorCode = keyof typeof ERROR_TABLE

/** A refusal as data: what `core/` returns instead of throwing. */
export interface Refusal {
  readonly code: ErrorCode
  /** What happened to what: `t[x]: mountpath /ais/mp2 is full`. */
  readonly message: string
  /** The next command to type, or what to change. Absent when there is nothing sensible to say. */
  readonly hint?: string
  /** Facts for `--json`, never secrets. */
  readonly details?: Readonly<Record<string, unknown>>
}

/** An error that somebody can meet, with its row of the table. */
export class AisError extends Error {
  override readonly name = 'AisError'
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly details: Readonly<Record<string, unknown>> | undefined

  /** @param refusal code, message, hint, facts. @param cause what lay beneath, for the log only. */
  constructor(refusal: Refusal, cause?: unknown) {
    super(refusal.message, cause === undefined ? undefined : {cause})
    this.code = refusal.code
    this.hint = refusal.hint
    this.details = refusal.details
  }

  /** HTTP status of the code's row. */
  get status(): number {
    return ERROR_TABLE[this.code].status
  }

  /** Exit code of `aisctl` of the code's row. */
  get exit(): number {
    return ERROR_TABLE[this.code].exit
  }
}

/** The row of a code. */
export function errorRow(code: ErrorCode): ErrorRow {
  return ERROR_TABLE[code]
}

/** Builds a refusal; the short form that `core/` uses. Absent hint and details are left out. */
export function refusal(
  code: ErrorCode,
  message: string,
  more: {hint?: string; details?: Readonly<Record<string, unknown>>} = {},
): Refusal {
  return {code, message, ...more}
}
