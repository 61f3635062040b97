/** Bounds of the client, with their reasons. Times in milliseconds, sizes in bytes. */

import {KIB, MIB} from '../base/units.ts'

/** One control request: longer than any commit takes, shorter than a person's patience. */
export const REQUEST_TIMEOUT_MS = 30_000
/** Finding out that a gateway's host does not answer at all. */
export const CONNECT_TIMEOUT_MS = 3_000
/**
 * How long one request is repeated while the cluster says 503: a failover takes 6 s at most, and a
 * gateway without a primary keeps a change waiting for 5 s before it refuses it.
 */
export const PATIENCE_MS = 20_000
/** A gateway is silent to a reader for this long: the next one is asked, too. */
export const READ_HEDGE_MS = 2_000
/** A gateway that has answered this recently gets a change without being asked first. */
export const LIVELY_MS = 1_000
/** A gateway neither answers nor takes bytes of an object request: the next one is tried. */
export const GATEWAY_SILENT_MS = 3_000
/** Attempts of a page while a target cannot be asked: one that is away stays so for longer. */
export const LIST_ATTEMPTS_MAX = 4
/** Longest pause between two attempts, whatever Retry-After says. */
export const RETRY_PAUSE_MAX_MS = 5_000
/** First pause when the server names none; doubled each time. */
export const RETRY_PAUSE_MIN_MS = 100
/** Redirects that a client follows, as AIStore's. */
export const REDIRECTS_MAX = 10
/** An answer of a control call: the largest is a page of 10,000 names with all properties. */
export const ANSWER_BYTES_MAX = 64 * MIB
/** How long a sender waits for "100 Continue" before it sends the body anyway (RFC 9110 10.1.1). */
export const CONTINUE_WAIT_MS = 1_000
/** Silence of a data connection after which the request is given up. */
export const DATA_IDLE_MS = 60_000
/** Small bodies go out with the headers: a refused one costs less than a round trip. */
export const SMALL_BODY_BYTES = 64 * KIB
/** Bytes read at a time while an object is hashed or sent. */
export const CHUNK_BYTES = 1 * MIB
/** A node's own status: a table is not kept waiting by one that hangs. */
export const STATUS_TIMEOUT_MS = 3_000
/** `ok_to_stop`: the primary waits 2 s for a node that hangs; and the way to the primary. */
export const OK_TO_STOP_TIMEOUT_MS = 10_000
/** Status requests in flight while a table is gathered. */
export const STATUS_PARALLEL = 16
/**
 * How long object requests are repeated: longer than a restarted target needs, longer than the
 * grace in which an absent one keeps its keys (30 s).
 */
export const RETRY_PATIENCE_MS = 60_000
/** A forced recovery: every survivor is asked, votes and stores the record. */
export const RECOVER_TIMEOUT_MS = 30_000
/** Pause between two looks at what the nodes say meanwhile. */
export const EVIDENCE_POLL_MS = 150
