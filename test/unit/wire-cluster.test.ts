/**
 * The cluster as AIStore shows it: compared with recorded answers, and encode and decode as twins.
 */

import t from 'tap'
import fc from 'fast-check'
import {AisError} from '../../src/base/errors.ts'
import {highestWeight, candidatesOf, objectDigest} from '../../src/core/placement/locate.ts'
import type {Bucket, JsonObject} from '../../src/model/bucket.ts'
import {GLOBAL_NAMESPACE} from '../../src/model/bucket.ts'
import {PRIMARY_UNKNOWN, type ClusterView} from '../../src/model/cluster-view.ts'
import {SETTING_KEYS} from '../../src/model/config/schema.ts'
import {parseSettings} from '../../src/model/config/config.ts'
import type {BucketName, ClusterUuid, NodeId} from '../../src/model/ids.ts'
import {isRefusal} from '../../src/model/ids.ts'
import type {Member} from '../../src/model/node.ts'
import {NODE_FLAG} from '../../src/model/node.ts'
import type {ClusterRecord, ConfPart, Smap} from '../../src/model/record.ts'
import {
  decodeBmd,
  decodeBucketList,
  encodeBmd,
  encodeBucketList,
  liveBuckets,
} from '../../src/wire/bmd.ts'
import {
  decodeBucketPatch,
  encodeBucketPatch,
  encodeBucketProps,
} from '../../src/wire/bucket-props.ts'
import type {MountpathFacts} from '../../src/wire/capacity.ts'
import {
  decodeCapacity,
  encodeCapacity,
  encodeDiskStats,
  encodeMountpaths,
  percentUsed,
} from '../../src/wire/capacity.ts'
import {
  decodeClusterConfig,
  encodeClusterConfig,
  encodeNodeConfig,
} from '../../src/wire/cluster-config.ts'
import {decodeError, encodeError} from '../../src/wire/error-body.ts'
import {collectHeaders} from '../../src/wire/headers.ts'
import type {Json, JsonMap} from '../../src/wire/json.ts'
import {canonicalJson, encodeJson, parseJson} from '../../src/wire/json.ts'
import {decodeNodeAction} from '../../src/wire/action.ts'
import {map} from '../../src/wire/decode.ts'
import {decodeListJson, decodeListRequest, encodeListJson} from '../../src/wire/list.ts'
import {metricKinds} from '../../src/wire/metric-kinds.ts'
import {
  decodeNodeState,
  encodeNodeState,
  STATE_FLAG,
  stateFlags,
} from '../../src/wire/state-flags.ts'
import type {NodeFacts} from '../../src/wire/node-status.ts'
import {
  decodeNodeStatus,
  encodeAwayStatus,
  encodeNodeStats,
  encodeNodeStatus,
  statusWord,
} from '../../src/wire/node-status.ts'
import {decodeRmd, encodeRmd, rebalanceId, rebalanceNumber} from '../../src/wire/rmd.ts'
import {decodeSmap, encodeMember, encodeSmap} from '../../src/wire/smap.ts'
import {decodeJoinRequest, snode} from '../../src/wire/snode.ts'
import {
  decodeSystemInfo,
  encodeSystemInfo,
  encodeTargetSystemInfo,
} from '../../src/wire/system-info.ts'
import {answerOf, exchangeOf, exchangesOf, placements} from '../helpers/recordings.ts'

// The same cases in every run; new ones are for those who look for them.
fc.configureGlobal({seed: 20_261_121})

const UUID = 'na8a52NmR' as ClusterUuid

/** Without the reference's keys of its start, which no other node can have. */
function plain(value: Json): Json {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const pairs = Object.entries(value).filter(([key]) => key !== 'verifying_key')
  return Object.fromEntries(pairs.map(([key, item]) => [key, plain(item)]))
}

/** The shape of a value: its keys in order and the types below. */
function shape(value: Json): Json {
  if (Array.isArray(value)) return value.slice(0, 1).map(shape)
  if (typeof value !== 'object' || value === null) return value === null ? null : typeof value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shape(item)]))
}

function contentLength(recording: string, name: string): number {
  const headers = exchangeOf(recording, name).response.headers
  return Number(headers.find(([header]) => header === 'Content-Length')?.[1])
}

function conf(set: JsonObject = {}): ConfPart {
  return {
    version: 0,
    epoch: 1,
    updated: '',
    set: {'checksum.validate_warm_get': false, ...set},
    urls: {
      primary: 'http://127.0.0.1:19080',
      original: 'http://127.0.0.1:18080',
      discovery: 'http://127.0.0.1:18081',
    },
  }
}

const RECORDED = decodeSmap(answerOf('cluster', 'cluster.smap'))

const RECORD: ClusterRecord = {
  format: 1,
  uuid: UUID,
  epoch: 1,
  index: 9,
  parent: '',
  pv: null,
  level: 1,
  smap: RECORDED.smap,
  bmd: {version: 1, epoch: 1, serial: 0, buckets: {}},
  rmd: {version: 0, epoch: 1, targetIds: []},
  conf: conf(),
  tokens: {version: 0, epoch: 1, revoked: []},
  own: [],
  op: null,
  move: null,
  heir: null,
  elections: [],
  rebalances: [
    {
      rebalance: 3,
      entry: 7,
      state: 'finished',
      beganMs: 1_795_280_400_000,
      endedMs: 1_795_280_412_000,
      shares: [{id: 'target01' as NodeId, objects: 12, bytes: 3400, inObjects: 3, inBytes: 90}],
    },
  ],
}

function viewOf(id: string, more: Partial<ClusterView> = {}): ClusterView {
  const role = id.startsWith('p') ? 'proxy' : 'target'
  return {
    self: {id: id as NodeId, role, inc: 1},
    record: RECORD,
    leading: false,
    primary: PRIMARY_UNKNOWN,
    settledIndex: 0,
    nodeStarted: true,
    clusterStarted: true,
    stopping: false,
    ...more,
  }
}

function nodeOf(id: string): Member {
  const found = RECORDED.smap.nodes[id]
  if (found === undefined) throw new Error(`${id} is not in the recorded map`)
  return found
}

t.test('the recorded map decodes and encodes to the same bytes', (t) => {
  const recorded = answerOf('cluster', 'cluster.smap')
  const ours = encodeJson(encodeSmap(RECORDED.uuid, RECORDED.smap))
  t.equal(ours, encodeJson(plain(recorded)))
  t.equal(encodeJson(recorded).length + 1, contentLength('cluster', 'cluster.smap'))
  const self = answerOf('cluster', 'cluster.snode')
  const member = nodeOf('pnode0000')
  t.equal(
    encodeJson({...encodeMember(RECORDED.smap, member), flags: 0}),
    encodeJson(plain(self)),
    'the descriptor of a node',
  )
  t.end()
})

const endpoint = fc.record({
  host: fc.constantFrom('10.0.0.1', 'fd00::1', 'node.example'),
  port: fc.integer({min: 1, max: 65_535}),
})
const away = fc.option(
  fc.record({kind: fc.constantFrom('absent' as const, 'lost' as const), sinceMs: fc.nat()}),
)

function smapArbitrary(): fc.Arbitrary<Smap> {
  const member = (role: 'proxy' | 'target', id: string): fc.Arbitrary<Member> =>
    fc.record({
      id: fc.constant(id as NodeId),
      role: fc.constant(role),
      public: endpoint,
      control: endpoint,
      data: endpoint,
      flags: fc.constantFrom(0, 1, 4, 8, 20),
      inc: fc.constant(1),
      learner: fc.boolean(),
      away,
      speaks: fc.constant([1, 1] as const),
    })
  const ids = ['pAAAAAA1', 'pBBBBBB2', 'tAAAAAA1', 'tBBBBBB2']
  return fc
    .tuple(...ids.map((id) => member(id.startsWith('p') ? 'proxy' : 'target', id)))
    .map((members) => ({
      version: 7,
      epoch: 0,
      created: '2026-11-21 11:28:03',
      primary: 'pAAAAAA1' as NodeId,
      nodes: Object.fromEntries(members.map((one) => [one.id, one])),
    }))
}

t.test('any map survives the wire, absences and learners included', (t) => {
  const centerless = (smap: Smap): Smap => ({
    ...smap,
    nodes: Object.fromEntries(
      Object.entries(smap.nodes).map(([id, one]) => [
        id,
        {...one, flags: one.flags & ~NODE_FLAG.informationCenter},
      ]),
    ),
  })
  fc.assert(
    fc.property(smapArbitrary(), (smap) => {
      const text = encodeJson(encodeSmap('kXz7uB3Qm', smap))
      const back = decodeSmap(parseJson(text))
      t.equal(canonicalJson(centerless(back.smap)), canonicalJson(smap))
      t.equal(encodeJson(encodeSmap(back.uuid, back.smap)), text)
    }),
    {numRuns: 60},
  )
  t.end()
})

t.test('a lost node shows the maintenance flag, and ext says why', (t) => {
  const lost = {...nodeOf('tnode0003'), away: {kind: 'lost', sinceMs: 5}} as const
  const smap = {...RECORDED.smap, nodes: {...RECORDED.smap.nodes, tnode0003: lost}}
  t.match(encodeSmap(UUID, smap), {
    ext: {abs: {tnode0003: {kind: 'lost', since_ms: 5}}},
    tmap: {tnode0003: {flags: 4}},
  })
  t.equal(statusWord(lost), 'lost')
  t.equal(statusWord({...lost, away: {kind: 'absent', sinceMs: 1}}), 'absent')
  t.equal(statusWord({...lost, flags: NODE_FLAG.maintenance}), 'maintenance')
  t.equal(statusWord({...lost, flags: NODE_FLAG.decommission}), 'decommission')
  t.equal(statusWord(nodeOf('tnode0003')), '')
  t.match(encodeAwayStatus(lost), {status: 'lost', snode: {daemon_id: 'tnode0003'}})
  const out = {...nodeOf('tnode0004'), flags: NODE_FLAG.maintenance}
  const recorded = answerOf('lifecycle', 'status.in-maintenance')
  t.strictSame(plain(encodeAwayStatus(out)), plain(recorded), 'as it was recorded')
  t.end()
})

t.test('a map or a node that cannot be is refused with its path', (t) => {
  const smap = encodeSmap(UUID, RECORDED.smap)
  const good = smap['proxy_si'] as JsonMap
  const wrong: readonly (readonly [JsonMap, RegExp])[] = [
    [{...smap, proxy_si: {...good, daemon_id: 'pother00'}}, /smap.proxy_si: expected a node/],
    [{...smap, proxy_si: {...good, daemon_id: 'x'}}, /proxy_si.daemon_id: expected a node id/],
    [{...smap, proxy_si: {...good, daemon_type: 'x'}}, /daemon_type: expected "proxy"/],
    [
      {...smap, proxy_si: {...good, intra_control_net: {}}},
      /intra_control_net: expected a network/,
    ],
  ]
  for (const [value, problem] of wrong) t.throws(() => decodeSmap(value), {message: problem})
  const control = {node_ip_addr: 'fd00::1', daemon_port: '9080'}
  const bare = {daemon_type: 'target', daemon_id: 'tAAAAAA1', intra_control_net: control}
  const at = {host: 'fd00::1', port: 9080}
  t.match(snode(bare, 'node'), {public: at, control: at, data: at, flags: 0})
  const byUrl = {...bare, intra_control_net: {direct_url: 'http://[fd00::1]:9080'}}
  t.match(snode(byUrl, 'node'), {control: at})
  t.strictSame(decodeJoinRequest({daemon_type: 'target', intra_control_net: control}), {
    control: at,
    role: 'target',
    id: '',
  })
  t.end()
})

function bucketOf(name: string, more: Partial<Bucket> = {}): Bucket {
  return {
    ref: {name: name as BucketName, provider: 'ais', namespace: GLOBAL_NAMESPACE},
    bid: '9223372036854775809',
    createdNs: '1795260492624425690',
    durability: 'default',
    set: {},
    ...more,
  }
}

t.test('bucket properties are those that were recorded, to the byte', (t) => {
  const recorded = exchangeOf('buckets', 'bucket.head').response.headers[0]?.[1]
  t.equal(encodeJson(encodeBucketProps(bucketOf('f1'), conf().set)), recorded)
  const own = bucketOf('f1', {
    durability: 'relaxed',
    set: {'mirror.copies': 3, 'lru.enabled': true, 'access': '7'},
  })
  t.match(encodeBucketProps(own, {'mirror.enabled': true}), {
    mirror: {copies: 3, enabled: true},
    lru: {enabled: true},
    access: '7',
    ext: {durability: 'relaxed'},
  })
  t.end()
})

t.test('bucket metadata shows what exists, and reads back', (t) => {
  const empty = encodeBmd(UUID, RECORD.bmd, conf().set)
  t.equal(encodeJson(empty), encodeJson(answerOf('cluster', 'cluster.bmd')))
  const namespace = {uuid: 'u', name: 'ns'}
  const other = {name: 'c' as BucketName, provider: 'aws', namespace} as const
  const buckets = {
    'ais/@#/b': bucketOf('b'),
    'ais/@#/a': bucketOf('a'),
    '~1': bucketOf('gone', {deletedAt: 4}),
    'aws/@u#ns/c': bucketOf('c', {ref: other}),
  }
  const bmd = {version: 5, epoch: 1, serial: 4, buckets}
  t.strictSame(
    liveBuckets(bmd).map(({ref}) => ref.name),
    ['a', 'b', 'c'],
  )
  const back = decodeBmd(parseJson(encodeJson(encodeBmd(UUID, bmd, {}))))
  t.match(back, {uuid: UUID, version: 5})
  t.strictSame(
    back.buckets.map(({ref}) => ref),
    liveBuckets(bmd).map(({ref}) => ref),
  )
  t.throws(() => decodeBmd({providers: {xyz: {'@#': {b: {}}}}}), {message: /expected a bucket/})
  t.end()
})

t.test('a list of buckets is as recorded and reads back', (t) => {
  const recorded = exchangeOf('buckets', 'bucket.list').response.json ?? null
  const refs = decodeBucketList(recorded)
  t.equal(encodeJson(encodeBucketList(refs)), encodeJson(recorded))
  t.strictSame(decodeBucketList([{name: 'b'}])[0], bucketOf('b').ref)
  t.throws(() => decodeBucketList([{name: 'b', provider: 'x'}]), {message: /expected a bucket/})
  t.throws(() => decodeBucketList([{name: '..'}]), {message: /expected a bucket/})
  t.end()
})

t.test('properties that a client sets become settings, or are refused by name', (t) => {
  const patch = decodeBucketPatch({
    checksum: {type: 'md5'},
    ec: {objsize_limit: '1KiB', enabled: null},
    access: 7,
    features: '3',
    durability: 'relaxed',
    backend_bck: {name: '', provider: ''},
    extra: {aws: {cloud_region: ''}},
    force: true,
  })
  t.strictSame(patch, {
    set: {'checksum.type': 'md5', 'ec.objsize_limit': 1024, 'access': '7', 'features': '3'},
    durability: 'relaxed',
  })
  t.strictSame(isRefusal(patch) ? patch : decodeBucketPatch(encodeBucketPatch(patch)), patch)
  t.strictSame(encodeBucketPatch({set: {}, durability: null}), {})
  t.strictSame(decodeBucketPatch(null), {set: {}, durability: null})
  t.strictSame(decodeBucketPatch({ext: {durability: 'default'}}), {set: {}, durability: 'default'})
  const wrong: readonly (readonly [Json, object])[] = [
    [[], {code: 'BAD_REQUEST'}],
    ['x', {code: 'BAD_REQUEST'}],
    [{durability: 'maybe'}, {message: /invalid durability="maybe"/}],
    [{access: true}, {message: /invalid access=true/}],
    [{checksum: {tpye: 'md5'}}, {hint: 'did you mean checksum.type?'}],
    [{checksum: {type: 'crc'}}, {message: /invalid checksum.type=crc/}],
    [{log: {level: '5'}}, {code: 'BAD_CONFIG'}],
    [{zzzzzzzzzz: 1}, {message: /unknown bucket property/}],
    [{backend_bck: {name: 'other'}}, {message: /backend_bck.name/}],
  ]
  for (const [value, refusal] of wrong) t.match(decodeBucketPatch(value), refusal)
  t.end()
})

t.test('the configuration is the recorded one, to the byte, with our settings under ext', (t) => {
  const recorded = answerOf('cluster', 'cluster.cluster_config')
  const {ext, ...ours} = encodeClusterConfig(UUID, conf())
  t.equal(encodeJson(ours), encodeJson(recorded))
  t.match(ext, {timers: {beat: '1s', own: '10s'}, durability: 'default'})
  const {version, uuid, sections} = decodeClusterConfig(parseJson(encodeJson(ours)))
  t.strictSame({version, uuid}, {version: 0, uuid: UUID})
  const set = parseSettings(onlySettings(sections) as JsonObject)
  t.strictSame(Object.keys(set).length, SETTING_KEYS.length - Object.keys(flat(ext)).length)
  t.end()
})

/** Sections without what is no setting. */
function onlySettings(sections: JsonMap): JsonMap {
  const {uuid, lastupdate_time, config_version, proxy, ...rest} = sections
  t.ok([uuid, lastupdate_time, config_version].every((one) => typeof one === 'string'))
  return {...rest, proxy: {non_electable: (proxy as JsonMap)['non_electable'] ?? null}}
}

function flat(value: unknown, prefix = ''): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return {[prefix]: value}
  return Object.assign(
    {},
    ...Object.entries(value).map(([key, item]) => flat(item, `${prefix}.${key}`)),
  ) as Readonly<Record<string, unknown>>
}

t.test("a node's configuration has its local keys in front, as recorded", (t) => {
  const recorded = answerOf('node', 'target.daemon.config')
  const at = (port: number, host = '127.0.0.1'): {host: string; port: number} => ({host, port})
  const local = {
    role: 'target',
    confDir: '/ais/3/conf',
    logDir: '/ais/3/log',
    listen: {public: at(18_083), control: at(19_083), data: at(20_083)},
    mountpaths: {'/ais/3/mp0': 'lbl0', '/ais/3/mp1': 'lbl1'},
  } as const
  const ours = encodeNodeConfig(UUID, conf(), local)
  t.strictSame(Object.keys(ours).slice(0, -1), Object.keys(recorded))
  for (const key of ['fspaths', 'confdir', 'log_dir', 'host_net']) {
    t.equal(encodeJson(ours[key]), encodeJson(recorded[key]), key)
  }
  const apart = {...local, listen: {...local.listen, control: at(1, '10.0.0.1')}}
  t.match(encodeNodeConfig(UUID, conf(), apart), {host_net: {hostname_intra_control: '10.0.0.1'}})
  t.end()
})

t.test('rebalance metadata has a bare version, and a rebalance a name', (t) => {
  const rmd = {version: 47, epoch: 1, targetIds: ['tPcFt8085' as NodeId]}
  const text = '{"cluster_id":"kXz7uB3Qm","target_ids":["tPcFt8085"],"version":47}'
  t.equal(encodeJson(encodeRmd('kXz7uB3Qm', rmd)), text)
  t.strictSame(decodeRmd(parseJson(text)), {
    uuid: 'kXz7uB3Qm',
    version: 47,
    targetIds: ['tPcFt8085'],
  })
  t.equal(encodeJson(encodeRmd('u', {...rmd, targetIds: []})), '{"cluster_id":"u","version":47}')
  t.equal(rebalanceId(47), 'g47')
  t.equal(rebalanceNumber('g47'), 47)
  for (const id of ['', 'g', '47', 'g4x', 'n47']) t.equal(rebalanceNumber(id), undefined, id)
  t.end()
})

const MOUNTPATHS: readonly MountpathFacts[] = ['mp0', 'mp1'].map((name, index) => ({
  path: `/ais/3/${name}`,
  label: `lbl${index}`,
  device: '/dev/vda',
  fsType: 'ext4',
  fsId: '377985903,-1216774693',
  disks: ['vda'],
  usedBytes: 186_682_580_992,
  availableBytes: 83_870_593_024,
  enabled: true,
  waiting: false,
}))

t.test('capacity is as recorded: a filesystem under two mountpaths counts once', (t) => {
  const recorded = answerOf('node', 'target.daemon.node_stats')['capacity'] as JsonMap
  t.equal(encodeJson(encodeCapacity(MOUNTPATHS)), encodeJson(recorded))
  t.match(decodeCapacity(recorded), {
    usedBytes: 186_682_580_992,
    percentMax: 69,
    mountpaths: {'/ais/3/mp0': {label: 'lbl0', disks: ['vda'], percentUsed: 69}},
  })
  const proxy = answerOf('node', 'proxy.daemon.node_stats')['capacity'] as JsonMap
  t.equal(encodeJson(encodeCapacity([])), encodeJson(proxy))
  t.strictSame(decodeCapacity(null).mountpaths, {})
  t.equal(percentUsed({usedBytes: 0, availableBytes: 0}), 0)
  const half = [...MOUNTPATHS.slice(0, 1), {...MOUNTPATHS[1], enabled: false} as MountpathFacts]
  t.strictSame(encodeMountpaths(half), {
    available: ['/ais/3/mp0'],
    waiting_dd: [],
    disabled: ['/ais/3/mp1'],
    ext: {why: [{path: '/ais/3/mp1', why: ''}]},
  })
  const mountpaths = answerOf('node', 'target.daemon.mountpaths')
  t.equal(encodeJson(encodeMountpaths(MOUNTPATHS)), encodeJson(mountpaths))
  const idle = {readBps: 0, readAverage: 0, writeBps: 0, writeAverage: 0, util: 0}
  const disk = answerOf('node', 'target.daemon.disk')
  t.equal(encodeJson(encodeDiskStats({vda: idle}, MOUNTPATHS)), encodeJson(disk))
  t.end()
})

const SYSTEM = {
  memory: {
    total: 25_274_793_984,
    free: 24_785_633_280,
    available: 24_797_913_088,
    cache: 174_784_512,
    swapTotal: 0,
    swapFree: 0,
  },
  loadAverage: [0.04, 0.28, 0.33],
  cpuPercent: 0.2,
  process: {
    size: 1_851_121_664,
    resident: 37_986_304,
    shared: 27_455_488,
    userMs: 120,
    systemMs: 50,
    cpuPercent: 0.35475792988313803,
  },
} as const

t.test('system figures are as recorded', (t) => {
  const recorded = answerOf('node', 'proxy.daemon.sysinfo')
  t.equal(encodeJson(encodeSystemInfo(SYSTEM)), encodeJson(recorded))
  t.match(decodeSystemInfo(recorded), {
    memoryUsedBytes: 37_986_304,
    loadAverage: [0.04, 0.28, 0.33],
  })
  t.equal(decodeSystemInfo(null).cpuPercent, 0)
  const none = {...SYSTEM, memory: {...SYSTEM.memory, total: 0}}
  t.equal(encodeSystemInfo(none)['pct_mem_used'], 0)
  const all = answerOf('cluster', 'cluster.sysinfo')['target'] as JsonMap
  const target = encodeTargetSystemInfo(SYSTEM, MOUNTPATHS)
  t.strictSame(shape(target), shape(all['tnode0003'] ?? null))
  t.equal(target['fs_used'], '186682580992')
  t.end()
})

function factsOf(id: string): NodeFacts {
  return {
    view: viewOf(id),
    self: nodeOf(id),
    build: '2026',
    tracker: {'up.ns.time': 0, 'get.n': 3},
    mountpaths: id.startsWith('t') ? MOUNTPATHS : [],
    mountpathProblem: '',
    system: SYSTEM,
    moreFlags: 0,
  }
}

t.test('node status has the keys and types that were recorded', (t) => {
  for (const [id, name] of [
    ['pnode0000', 'proxy'],
    ['tnode0003', 'target'],
  ] as const) {
    const recorded = plain(answerOf('node', `${name}.daemon.node_status`)) as JsonMap
    const ours = encodeNodeStatus(factsOf(id))
    const untracked = (value: JsonMap): Json => shape({...value, tracker: {}})
    t.equal(encodeJson(untracked(ours)), encodeJson(untracked(recorded)), id)
    const status = decodeNodeStatus(ours)
    t.match(status, {member: {id}, status: '', version: '5.0.0', build: '2026', smapVersion: 11})
    t.match(status.state, {uuid: UUID, primaryId: 'pnode0000', flags: 6})
    t.strictSame(Object.keys(status.tracker), ['get.n', 'up.ns.time'])
  }
  const before = {...factsOf('tnode0003'), view: viewOf('tnode0003', {record: null})}
  t.match(encodeNodeStatus(before), {smap_version: '0', cluster: {smap: {uuid: ''}}})
  t.match(encodeNodeStats(before), {snode: {daemon_id: 'tnode0003'}})
  const stranger = {...factsOf('tnode0003'), view: viewOf('tstrange1')}
  t.match(encodeNodeStatus(stranger), {snode: {daemon_id: 'tnode0003'}})
  t.equal(
    decodeNodeStatus({snode: encodeAwayStatus(nodeOf('tnode0003'))['snode'] ?? null}).state,
    null,
  )
  t.end()
})

t.test('the state of a node follows from its view', (t) => {
  const recorded = answerOf('node', 'health.cii')
  t.equal(encodeJson(encodeNodeState(viewOf('pnode0000'))), encodeJson(recorded))
  t.match(decodeNodeState(recorded), {
    uuid: UUID,
    primaryUrl: 'http://127.0.0.1:18080',
    smapVersion: 11,
    bmdVersion: 1,
    configVersion: 0,
    flags: 6,
  })
  t.match(decodeNodeState({smap: {}}), {primaryId: '', flags: 0})
  const fresh = viewOf('tnode0003', {record: null, nodeStarted: false, clusterStarted: false})
  t.equal(stateFlags(fresh), 0)
  const leaving = {...nodeOf('tnode0003'), flags: NODE_FLAG.maintenance}
  const smap = {...RECORDED.smap, nodes: {...RECORDED.smap.nodes, tnode0003: leaving}}
  t.equal(stateFlags(viewOf('tnode0003', {record: {...RECORD, smap}})), 6 | STATE_FLAG.maintenance)
  t.end()
})

t.test('kinds of statistics are those that were recorded', (t) => {
  for (const role of ['proxy', 'target'] as const) {
    const recorded = answerOf('node', `${role}.daemon.metrics`)
    for (const [name, kind] of Object.entries(metricKinds(role))) {
      t.equal(recorded[name], kind, `${role} ${name}`)
    }
  }
  t.end()
})

t.test('recorded errors decode, and encode to the same bytes', (t) => {
  for (const {request, response} of ['node', 'buckets', 'objects', 'cluster'].flatMap(
    exchangesOf,
  )) {
    if (response.status < 400) continue
    const raw = response.headers.flat()
    const error = decodeError(
      response.status,
      collectHeaders(raw),
      encodeJson(response.json ?? null),
    )
    t.not(error.message, '')
    const head = response.headers.find(([name]) => name === 'Hdr-Error')?.[1]
    const body = (head === undefined ? response.json : parseJson(head)) as JsonMap
    if (body['tcode'] !== 'ErrBckNotFound') continue
    const context = {
      method: request.method,
      urlPath: body['url_path'] as string,
      remoteAddr: body['remote_addr'] as string,
      caller: '',
      node: body['node'] as string,
    }
    const answer = encodeError(new AisError(error), context)
    const bytes = head === undefined ? `${encodeJson(body)}\n` : head
    t.equal(
      head === undefined ? answer.body : answer.headers.find(([name]) => name === 'Hdr-Error')?.[1],
      bytes,
    )
    if (head === undefined) {
      const length = response.headers.find(([name]) => name === 'Content-Length')?.[1]
      t.equal(String(answer.body.length), length)
    }
  }
  t.end()
})

t.test('recorded pages decode, and encode to the same bytes', (t) => {
  for (const {name, response} of exchangesOf('objects')) {
    if (!name.startsWith('objects.list.') || response.status !== 200 || !response.json) continue
    const text = `${encodeJson(response.json)}\n`
    t.equal(encodeListJson(decodeListJson(text)), text, name)
    const length = response.headers.find(([header]) => header === 'Content-Length')?.[1]
    t.equal(String(new TextEncoder().encode(text).length), length)
  }
  t.end()
})

t.test('all 319 recorded objects land on the same target and mountpath', (t) => {
  const ref = {name: 'hrw' as BucketName, provider: 'ais', namespace: GLOBAL_NAMESPACE} as const
  const targets = candidatesOf(['tnode0003', 'tnode0004', 'tnode0005', 'tnode0006'])
  const all = placements()
  t.equal(all.length, 319)
  for (const {object, target, mountpath} of all) {
    const digest = objectDigest(ref, object)
    t.equal(highestWeight(targets, digest), target, object.slice(0, 40))
    const root = `/ais/${target.slice(-1)}`
    const paths = candidatesOf([`${root}/mp0`, `${root}/mp1`])
    t.equal(highestWeight(paths, digest), mountpath)
  }
  t.end()
})

const DECODERS: readonly ((value: Json) => unknown)[] = [
  decodeSmap,
  decodeBmd,
  decodeBucketList,
  decodeBucketPatch,
  decodeNodeStatus,
  decodeNodeState,
  decodeCapacity,
  decodeSystemInfo,
  decodeClusterConfig,
  decodeRmd,
  decodeListRequest,
  decodeNodeAction,
  (value) => decodeJoinRequest(map(value, 'node')),
]

/** The value with something else at one of its places. */
function spoiled(value: Json, seed: number, poison: Json): Json {
  if (typeof value !== 'object' || value === null || seed % 7 === 0) return poison
  const entries = Object.entries(value)
  const chosen = entries[seed % Math.max(1, entries.length)]
  if (chosen === undefined) return poison
  const changed = spoiled(chosen[1], Math.floor(seed / 7), poison)
  if (Array.isArray(value)) return (value as Json[]).with(Number(chosen[0]), changed)
  return {...(value as JsonMap), [chosen[0]]: changed}
}

t.test('whatever arrives, a decoder gives a value or refuses it: it never breaks', (t) => {
  const good: readonly Json[] = [
    answerOf('cluster', 'cluster.smap'),
    answerOf('cluster', 'cluster.cluster_config'),
    answerOf('node', 'target.daemon.node_status'),
    exchangeOf('buckets', 'bucket.list').response.json ?? null,
    encodeBmd(UUID, {...RECORD.bmd, buckets: {b: bucketOf('b')}}, {}),
  ]
  const poison = fc.oneof(
    fc.jsonValue().map((value) => value as Json),
    fc.constantFrom<Json>(2n ** 64n, -1, '', '__proto__', [], {}, null, 'a'.repeat(300)),
  )
  const value = fc.oneof(
    poison,
    fc
      .tuple(fc.constantFrom(...good), fc.nat(), poison)
      .map(([whole, seed, bad]) => spoiled(whole, seed, bad)),
  )
  fc.assert(
    fc.property(value, (one) => {
      for (const decode of DECODERS) {
        try {
          decode(one)
        } catch (error) {
          if (!(error instanceof AisError) || error.code !== 'BAD_REQUEST') throw error
        }
      }
    }),
    {numRuns: 400},
  )
  t.end()
})
