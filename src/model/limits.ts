/**
 * Every upper bound that is not an operator's setting, with its reason. Sizes in bytes, times in
 * ms.
 */

import {KIB, MIB} from '../base/units.ts'

/** A control request's body. The largest legitimate one is a config or a bucket's properties. */
export const CONTROL_BODY_BYTES_MAX = 4 * MIB
/** A record on the wire: 10,000 nodes take about 3.2 MB of JSON, 10,000 buckets about 15 MB. */
export const RECORD_BYTES_MAX = 64 * MIB
/**
 * Of them clients' commands leave this free: absences, elections, a rebalance and its outcome must
 * always find room, or the cluster could change no more.
 */
export const RECORD_RESERVE_BYTES = 4 * MIB
/** Names in one page of a list; also the default, as in AIStore for ais buckets. */
export const LIST_PAGE_MAX = 10_000
/** Memory that one list request may hold on a gateway. */
export const LIST_BYTES_MAX = 8 * MIB
/** Bytes of an object name in UTF-8. AIStore's own bound; S3 allows 1,024. */
export const OBJECT_NAME_BYTES_MAX = 1024
/** Bytes of one name in a directory of Linux. */
export const FILE_NAME_BYTES_MAX = 255
/** Letters of a bucket's name (AIStore). */
export const BUCKET_NAME_MAX = 64
/** Entries of `own`; beyond, the two oldest are merged into one that asks both (DESIGN: own). */
export const OWN_ENTRIES_MAX = 32
/** Redirects that a target may add before it answers 503 (DESIGN: fence). */
export const REDIRECT_HOPS_MAX = 3
/** Custom metadata of one object, keys and values together: it travels in headers. */
export const CUSTOM_BYTES_MAX = 8 * KIB
/**
 * Calls in flight on one mountpath, so that one dead disk cannot fill libuv's only pool (DESIGN
 * 4.1).
 */
export const MOUNTPATH_CALLS_MAX = 4
/** Counter values that a target reserves with one fsync (R20). */
export const COUNTER_BLOCK = 2 ** 20
/** Bytes under one XXH64 of the footer: the unit that is verified before it is sent. */
export const CHECKSUM_BLOCK_BYTES = 1 * MIB
/** Client commands waiting for the kernel; beyond, 503 (each waits for one commit, a few ms). */
export const COMMANDS_WAITING_MAX = 1024
/**
 * Members of a cluster: beyond 51 the voters must be a subset, which is not built.
 */
export const MEMBERS_MAX = 51
/**
 * Changes merged into one record: a burst of joins in one commit, yet a bounded step of the kernel.
 */
export const CHANGES_PER_RECORD_MAX = 256
/** Destroyed buckets kept in the record, so that a target that was away learns of them (R32). */
export const DESTROYED_BUCKETS_MAX = 1000
/** Changes of primary that the record remembers. */
export const ELECTIONS_KEPT = 32
/** Rebalances whose outcome the record remembers. */
export const REBALANCES_KEPT = 16
/** Of so many it also remembers what each target has moved. */
export const REBALANCE_SHARES_KEPT = 4
