/**
 * The one table of cluster settings: dotted key, type, unit, default, range, meaning, scope.
 * Parsing, validation, defaults, the wire form, documentation and completion derive from it. Rows
 * stand in the order of AIStore's own JSON, and its defaults are those of a recorded cluster; what
 * this project adds stands under `ext`, which AIStore's tools ignore.
 *
 * Durations are milliseconds and sizes are bytes here; their text forms belong to `wire/`.
 */

import {GIB, KIB, MIB, TIB} from '../../base/units.ts'

export type KnobType = 'bool' | 'int' | 'duration' | 'size' | 'bytes' | 'word' | 'text' | 'u64'

/** One row. `V` is the type of its value inside the program. */
export interface Knob<V extends boolean | number | string = boolean | number | string> {
  /** `size` is an IEC text on the wire, `bytes` a bare number. */
  readonly type: KnobType
  readonly initial: V
  /** What it does; INERT when it is kept for AIStore's tools only. */
  readonly doc: string
  /** Smallest and largest value of a number, in its unit. */
  readonly min?: number
  readonly max?: number
  /** Whether 0 is allowed below `min`, meaning "the default". */
  readonly zero?: boolean
  /** Values of a `word`. */
  readonly words?: readonly string[]
}

const INERT = "Kept for AIStore's tools; without effect in this release."

type Bounds = Pick<Knob, 'min' | 'max' | 'zero'>

const bool = (initial: boolean, doc = INERT): Knob<boolean> => ({type: 'bool', initial, doc})
const text = (initial: string, doc = INERT): Knob<string> => ({type: 'text', initial, doc})
const u64 = (initial: string, doc = INERT): Knob<string> => ({type: 'u64', initial, doc})
const int = (initial: number, bounds: Bounds = {}, doc = INERT): Knob<number> => ({
  type: 'int',
  initial,
  doc,
  ...bounds,
})
const duration = (initial: number, bounds: Bounds = {}, doc = INERT): Knob<number> => ({
  type: 'duration',
  initial,
  doc,
  ...bounds,
})
const size = (initial: number, doc = INERT): Knob<number> => ({type: 'size', initial, doc, min: 0})
/** A size that is none with 0. */
const limit = (min: number, doc: string): Knob<number> => ({
  ...size(0, doc),
  min,
  zero: true,
})
const bytes = (initial: number, doc = INERT): Knob<number> => ({
  type: 'bytes',
  initial,
  doc,
  min: 0,
})
const word = (initial: string, words: readonly string[], doc = INERT): Knob<string> => ({
  type: 'word',
  initial,
  words,
  doc,
})

const S = 1000
const M = 60 * S
const H = 60 * M

const PERCENT: Bounds = {min: 0, max: 100}
const BUNDLE: Bounds = {min: 1, max: 16}
const BURST: Bounds = {min: 32, max: 10_000}
const POLICY = ['immediate', 'delayed', 'never', '']
const CHECKSUMS = ['none', 'xxhash2', 'md5', 'sha256', 'crc32c']
const compression = word('never', ['never', 'always'])

/** Every setting. */
export const SCHEMA = {
  'write_policy.data': word('immediate', POLICY),
  'write_policy.md': word('immediate', POLICY),

  'checksum.type': word(
    'xxhash2',
    CHECKSUMS,
    'Checksum that is kept with every new object and returned in its headers.',
  ),
  'checksum.validate_cold_get': bool(false),
  'checksum.validate_warm_get': bool(
    true,
    'Whether a block is verified before it is sent. Differs: off in AIStore.',
  ),
  'checksum.validate_obj_move': bool(false),
  'checksum.enable_read_range': bool(false),

  'tcb.compression': compression,
  'tcb.bundle_multiplier': int(2, BUNDLE),
  'tcb.burst_buffer': int(512, BURST),
  'tco.compression': compression,
  'tco.bundle_multiplier': int(2, BUNDLE),
  'tco.burst_buffer': int(512, BURST),
  'arch.compression': compression,
  'arch.bundle_multiplier': int(2, BUNDLE),
  'arch.burst_buffer': int(512, BURST),
  'lso.compression': compression,
  'lso.bundle_multiplier': int(1, BUNDLE),
  'lso.burst_buffer': int(32, BURST),
  'lso.walk_buffer': int(128, {min: 1}),
  'lso.idle_time': duration(20 * S, {min: 0}),
  'lso.quiescent': duration(5 * S, {min: 0}),

  'rate_limit.backend.interval': duration(M, {min: S}),
  'rate_limit.backend.max_tokens': int(1000, {min: 1}),
  'rate_limit.backend.enabled': bool(false),
  'rate_limit.backend.num_retries': int(3, {min: 0}),
  'rate_limit.frontend.interval': duration(M, {min: S}),
  'rate_limit.frontend.max_tokens': int(1000, {min: 1}),
  'rate_limit.frontend.enabled': bool(false),
  'rate_limit.frontend.burst_size': int(375, {min: 1}),

  'keepalivetracker.proxy.name': word('heartbeat', ['heartbeat']),
  'keepalivetracker.proxy.interval': duration(
    10 * S,
    {min: S, max: M, zero: true},
    'Scales the timers of the cluster that are not set by themselves, by interval / 10s.',
  ),
  'keepalivetracker.proxy.factor': int(3, {min: 1, max: 10}),
  'keepalivetracker.target.name': word('heartbeat', ['heartbeat']),
  'keepalivetracker.target.interval': duration(
    10 * S,
    {min: S, max: M, zero: true},
    'As keepalivetracker.proxy.interval; the larger one counts.',
  ),
  'keepalivetracker.target.factor': int(3, {min: 1, max: 10}),
  'keepalivetracker.num_retries': int(3, {min: 1, max: 10}),
  'keepalivetracker.retry_factor': int(4, {min: 1, max: 10}),

  'rebalance.compression': compression,
  'rebalance.bundle_multiplier': int(2, BUNDLE),
  'rebalance.burst_buffer': int(1024, BURST),
  'rebalance.dest_retry_time': duration(2 * M, {min: S, max: 10 * M}),
  'rebalance.enabled': bool(true, 'Whether a change of active targets moves objects by itself.'),

  'log.level': text('3'),
  'log.max_size': size(64 * MIB),
  'log.max_total': size(512 * MIB),
  'log.flush_time': duration(M, {min: 0}),
  'log.stats_time': duration(3 * M, {min: 0}),
  'log.to_stderr': bool(false),

  'ec.compression': compression,
  'ec.bundle_multiplier': int(2, BUNDLE),
  'ec.burst_buffer': int(512, BURST),
  'ec.objsize_limit': bytes(256 * KIB),
  'ec.data_slices': int(2, {min: 1, max: 32}),
  'ec.parity_slices': int(2, {min: 1, max: 32}),
  'ec.enabled': bool(false),
  'ec.disk_only': bool(false),

  'get_batch.compression': compression,
  'get_batch.bundle_multiplier': int(2, BUNDLE),
  'get_batch.burst_buffer': int(512, BURST),
  'get_batch.max_wait': duration(20 * S, {min: 0}),
  'get_batch.warmup_workers': int(-1, {min: -1}),
  'get_batch.max_soft_errs': int(8, {min: 0}),
  'get_batch.max_gfn': int(5, {min: 0}),

  'space.cleanupwm': int(65, PERCENT),
  'space.lowwm': int(75, PERCENT),
  'space.highwm': int(
    90,
    PERCENT,
    'Percent of a mountpath in use at which the trash is emptied early, and the state says so.',
  ),
  'space.out_of_space': int(
    95,
    PERCENT,
    'Percent of a mountpath in use at which new objects are refused.',
  ),
  'space.batch_size': int(32_768, {min: 1}),
  'space.dont_cleanup_time': duration(2 * H, {min: 0}),

  'transport.max_header': int(4096, {min: 128}),
  'transport.burst_buffer': int(1024, BURST),
  'transport.idle_teardown': duration(4 * S, {min: S}),
  'transport.quiescent': duration(10 * S, {min: 8 * S}),
  'transport.lz4_block': size(256 * KIB),
  'transport.lz4_frame_checksum': bool(false),

  'disk.disk_util_low_wm': int(20, PERCENT),
  'disk.disk_util_high_wm': int(80, PERCENT),
  'disk.disk_util_max_wm': int(95, PERCENT),
  'disk.iostat_time_long': duration(2 * S, {min: 0}),
  'disk.iostat_time_short': duration(100, {min: 0}),
  'disk.iostat_time_smooth': duration(8 * S, {min: 0}),

  'fshc.test_files': int(4, {min: 1}),
  'fshc.error_limit': int(
    2,
    {min: 1},
    'So many checks in a row that fail disable a mountpath; above 16 as 16.',
  ),
  'fshc.io_err_limit': int(
    10,
    {min: 1},
    'So many errors of a device within io_err_time disable its mountpath without a check.',
  ),
  'fshc.io_err_time': duration(10 * S, {min: S}, 'See io_err_limit.'),
  'fshc.enabled': bool(
    true,
    'Whether an error of a device, or a call that takes long, has its mountpath checked.',
  ),

  'chunks.objsize_limit': size(0),
  'chunks.max_monolithic_size': size(TIB),
  'chunks.chunk_size': size(GIB),

  'lru.dont_evict_time': duration(2 * H, {min: 0}),
  'lru.capacity_upd_time': duration(10 * M, {min: 0}),
  'lru.batch_size': int(32_768, {min: 1}),
  'lru.enabled': bool(false),

  'mirror.copies': int(
    2,
    {min: 1, max: 32},
    'On how many mountpaths of its target an object lies, where mirroring is on.',
  ),
  'mirror.burst_buffer': int(512, BURST),
  'mirror.enabled': bool(false, 'Whether objects lie on several mountpaths of their target.'),

  'periodic.stats_time': duration(10 * S, {min: S, max: M}),
  'periodic.retry_sync_time': duration(2 * S, {min: 10, max: 10 * S}),
  'periodic.notif_time': duration(30 * S, {min: S, max: M}),

  'client.client_timeout': duration(10 * S, {min: 0}),
  'client.client_long_timeout': duration(5 * M, {min: 0}),
  'client.list_timeout': duration(5 * M, {min: S, max: 30 * M}),

  'downloader.timeout': duration(H, {min: 0}),

  'auth.client_auth_required': bool(false),

  'proxy.non_electable': bool(false),

  'net.l4.proto': word('tcp', ['tcp']),
  'net.l4.sndrcv_buf_size': int(128 * KIB, {min: 0}),
  'net.http.server_crt': text(''),
  'net.http.server_key': text(''),
  'net.http.client_ca_tls': text(''),
  'net.http.client_auth_tls': int(0, {min: 0, max: 4}),
  'net.http.domain_tls': text(''),
  'net.http.idle_conn_time': duration(6 * S, {min: 0, max: 30 * S}),
  'net.http.backend_idle_conn_time': duration(6 * S, {min: 0, max: 30 * S}),
  'net.http.idle_conns_per_host': int(32, {min: 0, max: 128}),
  'net.http.idle_conns': int(256, {min: 0, max: 4096}),
  'net.http.write_buffer_size': int(64 * KIB, {min: 0}),
  'net.http.read_buffer_size': int(64 * KIB, {min: 0}),
  'net.http.use_https': bool(false),
  'net.http.skip_verify': bool(false),
  'net.http.chunked_transfer': bool(true),
  'net.use_ipv6': bool(false),

  'timeout.cplane_operation': duration(2 * S, {min: 10}),
  'timeout.max_keepalive': duration(5 * S, {min: 20}),
  'timeout.max_host_busy': duration(20 * S, {min: 10 * S}),
  'timeout.startup_time': duration(
    M,
    {min: 30 * S},
    'How long a potential primary waits for the configured nodes at most.',
  ),
  'timeout.join_startup_time': duration(3 * M, {min: M, zero: true}),
  'timeout.send_file_time': duration(5 * M, {min: M}),
  'timeout.ec_streams_time': duration(10 * M),
  'timeout.object_md': duration(2 * H, {min: 20 * M, max: 16 * H, zero: true}),
  'timeout.cold_get_conflict': duration(5 * S, {min: S, max: 20 * S, zero: true}),

  'memsys.min_free': size(2 * GIB),
  'memsys.default_buf': size(32 * KIB),
  'memsys.to_gc': size(4 * GIB),
  'memsys.hk_time': duration(3 * M, {min: 0}),
  'memsys.min_pct_total': int(0, PERCENT),
  'memsys.min_pct_free': int(0, PERCENT),

  'features': u64('0'),

  'versioning.enabled': bool(true),
  'versioning.validate_warm_get': bool(false),
  'versioning.synchronize': bool(false),

  'resilver.enabled': bool(true, 'Whether objects follow when the mountpaths of a target change.'),

  'ext.timers.profile': word(
    'default',
    ['default', 'wan'],
    'The wan profile multiplies every timer that is not set by itself by 5.',
  ),
  'ext.timers.beat': duration(S, {min: 50, max: M}, 'T_beat: the primary beats this often.'),
  'ext.timers.elect': duration(
    3 * S,
    {min: 150, max: 5 * M},
    'T_elect: silence of the primary after which a node stands.',
  ),
  'ext.timers.rank': duration(
    500,
    {min: 10, max: M},
    'T_rank: each next candidate waits this much longer.',
  ),
  'ext.timers.lease': duration(
    2 * S,
    {min: 100, max: 5 * M},
    'T_lease: how long a majority round lets the primary lead.',
  ),
  'ext.timers.own': duration(
    10 * S,
    {min: 500, max: 10 * M},
    'T_own: how long a beat lets a target acknowledge writes.',
  ),
  'ext.lifecycle.absent_grace': duration(
    30 * S,
    {min: 0, max: H},
    'How long an announced absence keeps its share before it counts as lost.',
  ),
  'ext.rebalance.bandwidth': limit(
    MIB,
    'Bytes per second that each target sends at most in a rebalance; 0: as many as it can.',
  ),
  'ext.space.trash_time': duration(
    H,
    {min: 0},
    'How long the data of a destroyed bucket lies in the trash.',
  ),
  'ext.durability': word(
    'default',
    ['default', 'relaxed'],
    'Durability of new buckets: default is on disk before the reply, relaxed is not.',
  ),
} as const satisfies Readonly<Record<string, Knob>>

/** A dotted key of the table. */
export type SettingKey = keyof typeof SCHEMA
/** The type of a setting's value. */
export type SettingValue<K extends SettingKey> = (typeof SCHEMA)[K]['initial']

/** All keys, in the table's order. */
export const SETTING_KEYS = Object.keys(SCHEMA) as readonly SettingKey[]

/** Sections that no node may override (AIStore). Settings of ours are the cluster's, too. */
const CLUSTER_ONLY = new Set(
  (
    'auth backend proxy checksum tcb tco arch lso rebalance ec get_batch net transport chunks ' +
    'mirror periodic features versioning ext'
  ).split(' '),
)

/** Sections whose settings a bucket may set for itself. */
const BUCKET_SECTIONS = new Set(
  'write_policy checksum rate_limit ec chunks mirror lru versioning'.split(' '),
)

/** The first word of a dotted key. */
export function sectionOf(key: string): string {
  const dot = key.indexOf('.')
  return dot < 0 ? key : key.slice(0, dot)
}

/** Whether the key is in the table. */
export function isSettingKey(key: string): key is SettingKey {
  return Object.hasOwn(SCHEMA, key)
}

/** The row of a key. */
export function knobOf(key: SettingKey): Knob {
  return SCHEMA[key]
}

/** Whether anything heeds it; the others are kept for AIStore's tools. */
export function hasEffect(key: SettingKey): boolean {
  return knobOf(key).doc !== INERT
}

/** Whether one node may have its own value. */
export function isNodeSetting(key: SettingKey): boolean {
  return !CLUSTER_ONLY.has(sectionOf(key))
}

/** Whether a bucket may have its own value. */
export function isBucketSetting(key: SettingKey): boolean {
  return BUCKET_SECTIONS.has(sectionOf(key))
}

/** Whether a new value is heard only after a restart. */
export function needsRestart(key: SettingKey): boolean {
  const section = sectionOf(key)
  return (
    section === 'memsys' ||
    section === 'net' ||
    key === 'timeout.cplane_operation' ||
    key === 'timeout.max_keepalive'
  )
}
