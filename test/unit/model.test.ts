/** Nouns and their invariants: ids, buckets, nodes, records, settings, the node file. */

import t from 'tap'
import fc from 'fast-check'
import type {JsonObject} from '../../src/model/bucket.ts'
import {
  bucketLabel,
  bucketUname,
  GLOBAL_NAMESPACE,
  namespaceUname,
  objectUname,
} from '../../src/model/bucket.ts'
import {
  checkSettings,
  checkTogether,
  effectiveSettings,
  expectedForm,
  flattenSettings,
  formatSetting,
  parseAssignment,
  parseSetting,
  parseSettings,
  setting,
} from '../../src/model/config/config.ts'
import {editDistance, nearest} from '../../src/model/config/nearest.ts'
import {formatNodeFile, parseNodeFile} from '../../src/model/config/node-file.ts'
import type {SettingKey} from '../../src/model/config/schema.ts'
import {
  isBucketSetting,
  hasEffect,
  isNodeSetting,
  isSettingKey,
  knobOf,
  needsRestart,
  SCHEMA,
  sectionOf,
  SETTING_KEYS,
} from '../../src/model/config/schema.ts'
import {check, checkDocument, listOf, objectOf} from '../../src/model/config/shape.ts'
import {
  compareGenerations,
  formatGeneration,
  GENERATION_NONE,
  parseGeneration,
} from '../../src/model/generation.ts'
import {
  isClusterUuid,
  isNodeId,
  isRefusal,
  nodeLabel,
  parseBucketName,
  parseNodeId,
  parseObjectName,
} from '../../src/model/ids.ts'
import type {BucketName, NodeId} from '../../src/model/ids.ts'
import {informationCenter} from '../../src/model/information-center.ts'
import type {Member} from '../../src/model/node.ts'
import {
  endpointUrl,
  formatEndpoint,
  isElectable,
  isLeaving,
  isVoter,
  NODE_FLAG,
  nodeLabelOf,
  ownsKeys,
  parseEndpoint,
} from '../../src/model/node.ts'
import {isQuorum, isRecordQuorum, previousVoters, votersOf} from '../../src/model/quorum.ts'
import type {ClusterRecord, Smap} from '../../src/model/record.ts'
import {comparePositions} from '../../src/model/record.ts'
import {timersOf} from '../../src/model/timers.ts'

// The same cases in every run; new ones are for those who look for them.
fc.configureGlobal({seed: 20_261_121})

const ENDPOINT = {host: '10.0.0.1', port: 51080}

function member(id: string, more: Partial<Member> = {}): Member {
  return {
    id: id as NodeId,
    role: id.startsWith('p') ? 'proxy' : 'target',
    public: ENDPOINT,
    control: ENDPOINT,
    data: ENDPOINT,
    flags: 0,
    inc: 1,
    learner: false,
    away: null,
    speaks: [1, 1],
    ...more,
  }
}

t.test('ids and names are refused with the rule that they break', (t) => {
  t.ok(isNodeId('tAAAAAA1'))
  t.notOk(isNodeId('short'))
  t.notOk(isNodeId('-AAAAAAA'))
  t.equal(parseNodeId('tAAAAAA1'), 'tAAAAAA1')
  t.match(parseNodeId('no'), {code: 'BAD_NAME', hint: /8 to 32/})
  t.ok(isClusterUuid('na8a52NmR'))
  t.notOk(isClusterUuid('g12345678'), 'it has the form of a rebalance')
  t.equal(parseBucketName('a.b-c_D'), 'a.b-c_D')
  for (const bad of ['', 'a..b', '.a', 'a/b', 'x'.repeat(65), 'f!1']) {
    t.match(parseBucketName(bad), {code: 'BAD_NAME'}, bad)
  }
  t.equal(parseObjectName('a/b c/é'), 'a/b c/é')
  const wrong = {
    '': /empty/,
    '/a': /begins/,
    'a\0b': /NUL/,
    'a/../b': /segment/,
    './a': /segment/,
    '\ud800': /UTF-8/,
    ['é'.repeat(513)]: /longer/,
  }
  for (const [name, reason] of Object.entries(wrong)) {
    t.match(parseObjectName(name), {code: 'BAD_NAME', message: reason})
  }
  t.equal(nodeLabel('proxy', 'x'), 'p[x]')
  t.equal(nodeLabel('target', 'x'), 't[x]')
  t.equal(nodeLabelOf(member('pAAAAAA1')), 'p[pAAAAAA1]')
  t.notOk(isRefusal('text'))
  t.notOk(isRefusal(null))
  t.end()
})

t.test('a bucket has the name that placement hashes and the one that people read', (t) => {
  const name = 'photos' as BucketName
  const ref = {name, provider: 'ais', namespace: GLOBAL_NAMESPACE} as const
  t.equal(bucketUname(ref), 'ais/@#/photos')
  t.equal(objectUname(ref, 'a/b'), 'ais/@#/photos/a/b')
  t.equal(bucketLabel(ref), 'ais://photos')
  const namespace = {uuid: 'uuid', name: 'ns'}
  t.equal(namespaceUname(namespace), '@uuid#ns')
  t.equal(bucketLabel({...ref, namespace}), 'ais://@uuid#ns/photos')
  t.equal(bucketLabel({...ref, namespace: {uuid: '', name: 'ns'}}), 'ais://@#ns/photos')
  t.end()
})

t.test('generations order by ownership, then counter', (t) => {
  const low = {own: 1, counter: 9n}
  const high = {own: 2, counter: 1n}
  t.ok(compareGenerations(low, high) < 0)
  t.ok(compareGenerations({own: 1, counter: 10n}, low) > 0)
  t.ok(compareGenerations(GENERATION_NONE, low) < 0)
  t.ok(compareGenerations({own: 1, counter: 8n}, low) < 0)
  t.equal(compareGenerations(low, {...low}), 0)
  t.equal(parseGeneration('x'), undefined)
  fc.assert(
    fc.property(fc.nat(), fc.bigInt({min: 0n, max: 2n ** 64n - 1n}), (own, counter) => {
      const back = parseGeneration(formatGeneration({own, counter}))
      return back !== undefined && back.own === own && back.counter === counter
    }),
  )
  t.end()
})

t.test('positions of records order by epoch, then index', (t) => {
  t.ok(comparePositions({epoch: 1, index: 9}, {epoch: 2, index: 1}) < 0)
  t.ok(comparePositions({epoch: 1, index: 9}, {epoch: 1, index: 1}) > 0)
  t.end()
})

t.test('the state of a member decides what it may do', (t) => {
  const lost = {kind: 'lost', sinceMs: 1} as const
  t.ok(isElectable(member('pAAAAAA1')))
  t.notOk(isElectable(member('pAAAAAA1', {flags: NODE_FLAG.nonElectable})))
  t.notOk(isElectable(member('tAAAAAA1')))
  t.ok(isVoter(member('tAAAAAA1', {away: lost})), 'a lost node counts in a quorum')
  t.notOk(isVoter(member('tAAAAAA1', {learner: true})))
  t.ok(isLeaving(member('tAAAAAA1', {flags: NODE_FLAG.decommission})))
  t.ok(ownsKeys(member('tAAAAAA1', {away: {kind: 'absent', sinceMs: 1}})))
  t.notOk(ownsKeys(member('tAAAAAA1', {away: lost})))
  t.notOk(ownsKeys(member('pAAAAAA1')))
  t.end()
})

t.test('endpoints read IPv4, IPv6 and names, with and without a scheme', (t) => {
  t.strictSame(parseEndpoint('http://10.0.0.1:80/'), {host: '10.0.0.1', port: 80})
  t.strictSame(parseEndpoint('[::1]:80'), {host: '::1', port: 80})
  t.strictSame(parseEndpoint('host.example:65535'), {host: 'host.example', port: 65535})
  for (const bad of ['', 'host', 'host:0', 'host:65536', '::1:80', 'a b', 'a/b:1']) {
    t.equal(parseEndpoint(bad), undefined, bad)
  }
  t.equal(formatEndpoint({host: '::1', port: 80}), '[::1]:80')
  t.equal(endpointUrl(ENDPOINT), 'http://10.0.0.1:51080')
  t.end()
})

t.test('the information center is the primary and up to two proxies that are there', (t) => {
  const away = {kind: 'absent', sinceMs: 1} as const
  const ids = ['pDDDDDD4', 'pCCCCCC3', 'pBBBBBB2', 'pAAAAAA1', 'tAAAAAA1']
  const nodes = Object.fromEntries(
    ids.map((id) => [id, member(id, id === 'pAAAAAA1' ? {away} : {})]),
  )
  const smap = {version: 1, epoch: 1, created: '', primary: 'pDDDDDD4' as NodeId, nodes}
  t.strictSame(informationCenter(smap), ['pDDDDDD4', 'pBBBBBB2', 'pCCCCCC3'])
  t.end()
})

t.test('a mistyped word finds the nearest known one', (t) => {
  t.equal(nearest('mountpaht', ['mountpath', 'peers']), 'mountpath')
  t.equal(nearest('zzzzzz', ['mountpath', 'peers']), undefined)
  t.equal(nearest('ab', ['xy']), undefined)
  t.equal(editDistance('', 'abc'), 3)
  t.equal(editDistance('abcd', 'acbd'), 1, 'a swap is one edit')
  t.equal(editDistance('kitten', 'sitting'), 3)
  t.end()
})

t.test('a document is refused at its first wrong key, with the form that was expected', (t) => {
  const word = check('a word', (value) => typeof value === 'string')
  const rule = objectOf({name: word, tags: listOf(word, 1), inner: objectOf({deep: word})})
  const fine = {name: 'a', tags: ['b'], inner: {deep: 'c'}}
  t.equal(checkDocument('file', fine, rule), undefined)
  const wrong = [
    [1, 'file: expected an object, found 1'],
    [{...fine, name: null}, 'file: name: expected a word, found null'],
    [{...fine, name: true}, 'file: name: expected a word, found true'],
    [{...fine, name: {}}, 'file: name: expected a word, found a value of type object'],
    [{...fine, tags: 'x'}, 'file: tags: expected a list of a word'],
    [{...fine, tags: []}, 'file: tags: expected at least 1 of a word'],
    [{...fine, tags: ['b', []]}, 'file: tags[1]: expected a word, found a list'],
    [{...fine, inner: {deep: 3}}, 'file: inner.deep: expected a word, found 3'],
    [{...fine, inner: 'x'}, 'file: inner: expected an object, found "x"'],
    [{...fine, nmae: 'x'}, 'file: nmae: unknown key (did you mean "name"?)'],
    [{...fine, qqqqqq: 'x'}, 'file: qqqqqq: unknown key (known: name, tags, inner)'],
    [{name: 'a', tags: ['b']}, 'file: inner: missing; expected an object'],
  ] as const
  for (const [value, message] of wrong) t.match(checkDocument('file', value, rule), {message})
  t.end()
})

const TARGET_FILE = {
  format: 1,
  role: 'target',
  id: 'tAAAAAA1',
  uuid: 'kXz7uB3Qm',
  state: '/var/lib/aisnode/target',
  listen: {public: '10.0.0.1:51081', control: '10.0.0.1:51082', data: '10.0.0.1:51083'},
  advertise: {public: 'storage.example:51081'},
  peers: ['10.0.0.1:51084', '[fd00::2]:51084'],
  mountpaths: [{path: '/ais/mp1', label: 'hdd', disk: '/dev/disk/by-id/x'}, {path: '/ais/mp2'}],
  clusterKeyFile: 'credential:cluster-key',
  foundingConfig: {'rebalance.enabled': false},
  dataWorkers: 2,
  log: {level: 'debug'},
  allowSharedFilesystem: true,
} as const

t.test('a node file survives being written and read', (t) => {
  const parsed = parseNodeFile(JSON.parse(formatNodeFile(TARGET_FILE)))
  t.strictSame(parsed, TARGET_FILE)
  const {mountpaths, ...rest} = TARGET_FILE
  t.equal(mountpaths.length, 2)
  const proxy = {...rest, role: 'proxy', bootstrap: true, nonElectable: false, standby: false}
  t.strictSame(parseNodeFile(proxy), proxy)
  t.end()
})

t.test('a wrong node file is refused by key and expected form', (t) => {
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{format: 2}, /format: expected the number 1, found 2/],
    [{role: 'gateway'}, /role: expected "proxy" or "target"/],
    [{id: 'x'}, /id: expected a node id/],
    [{uuid: 'g12345678'}, /uuid: expected a cluster uuid/],
    [{bootstrap: 'yes'}, /bootstrap: expected true or false/],
    [{state: 'relative'}, /state: expected an absolute path/],
    [{state: '/a/../b'}, /state: expected an absolute path/],
    [{listen: {public: 'x'}}, /listen.public: expected "host:port"/],
    [{advertise: {data: 'http://x:1'}}, /advertise.data: expected "host:port"/],
    [{peers: 'x'}, /peers: expected a list/],
    [{peers: ['x']}, /peers\[0\]: expected "host:port"/],
    [{mountpaths: [{path: '/ais', lable: 'x'}]}, /mountpaths\[0\].lable: .*did you mean "label"/],
    [{mountpaths: []}, /mountpaths: a target needs at least one/],
    [{mountpaths: [{path: '/a'}, {path: '/a/b'}]}, /\/a\/b lies in \/a/],
    [{clusterKeyFile: 'key'}, /clusterKeyFile: expected an absolute path or "credential:NAME"/],
    [{dataWorkers: 0}, /dataWorkers: expected a whole number from 1 to 64/],
    [{log: {level: 'loud'}}, /log.level: expected "debug"/],
    [{foundingConfig: []}, /foundingConfig: expected an object/],
    [{bootstrap: true}, /only a proxy may found a cluster/],
    [{nonElectable: true}, /only a proxy can be elected/],
    [{role: 'proxy'}, /a proxy stores nothing/],
    [{lisetn: {}}, /lisetn: unknown key \(did you mean "listen"\?\)/],
  ]
  for (const [change, message] of wrong) {
    t.match(parseNodeFile({...TARGET_FILE, ...change}), {code: 'BAD_CONFIG', message})
  }
  t.match(parseNodeFile([]), {message: /expected an object/})
  t.match(parseNodeFile({}), {message: /format: missing/})
  t.end()
})

t.test('every default of the table is valid, and documented', (t) => {
  for (const key of SETTING_KEYS) {
    const knob = knobOf(key)
    t.equal(checkSettings({[key]: knob.initial}), undefined, key)
    t.match(knob.doc, /^[A-Z].*\.$/s, `${key} is explained`)
    t.equal(parseSetting(key, formatSetting(key, knob.initial)), knob.initial, `${key} reads back`)
    t.ok(expectedForm(knob).length > 3)
  }
  t.equal(checkTogether({}), undefined)
  t.strictSame(checkSettings(effectiveSettings({})), undefined)
  t.ok(hasEffect('rebalance.enabled'))
  t.notOk(hasEffect('log.level'), 'kept for tools')
  t.end()
})

t.test('settings read from nested and dotted JSON, as people and as tools write them', (t) => {
  const parsed = parseSettings({
    'log': {level: 4, max_size: '1GiB', to_stderr: 'yes'},
    'timeout.send_file_time': '10m',
    'mirror': {enabled: true, copies: '3', burst_buffer: null},
    'ec': {objsize_limit: 1000},
    'lso': {idle_time: 0},
    'features': 12,
    'rebalance': {enabled: 'off', compression: 'always'},
    'auth': {enabled: false},
  })
  t.strictSame(parsed, {
    'log.level': '4',
    'log.max_size': 2 ** 30,
    'log.to_stderr': true,
    'timeout.send_file_time': 600_000,
    'mirror.enabled': true,
    'mirror.copies': 3,
    'ec.objsize_limit': 1000,
    'lso.idle_time': 0,
    'features': '12',
    'rebalance.enabled': false,
    'rebalance.compression': 'always',
    'auth.client_auth_required': false,
  })
  t.strictSame(flattenSettings({a: {b: {c: [1]}}, d: null}), [['a.b.c', [1]]])
  t.end()
})

t.test('a wrong setting is refused with key, range and the nearest key', (t) => {
  const wrong: readonly (readonly [JsonObject, RegExp | string])[] = [
    [
      {keepalivetracker: {proxy: {interval: '-1s'}}},
      'invalid keepalivetracker.proxy.interval=-1s ' +
        '(expected a duration such as "10s" from 1s to 1m, or 0)',
    ],
    [{mirror: {copies: 99}}, /invalid mirror.copies=99 \(expected a whole number from 1 to 32\)/],
    [{mirror: {copies: 1.5}}, /invalid mirror.copies/],
    [{mirror: {enabled: 'maybe'}}, /expected true or false/],
    [{mirror: {enabled: 1}}, /expected true or false/],
    [{checksum: {type: 'crc'}}, /expected "none", "xxhash2"/],
    [{log: {level: true}}, /expected a text/],
    [{log: {max_size: '-1'}}, /expected a size/],
    [{timeout: {send_file_time: 5}}, /expected a duration/],
    [{features: true}, /expected a whole number below/],
    [{features: '-1'}, /expected a whole number below/],
    [{lso: {walk_buffer: []}}, /invalid lso.walk_buffer=a list/],
  ]
  for (const [raw, message] of wrong) {
    t.match(parseSettings(raw), {code: 'BAD_CONFIG', message})
  }
  t.match(parseSetting('log.levle', '4'), {hint: 'did you mean log.level?'})
  t.match(parseSetting('versioning', true), {hint: /it is a section: versioning.enabled/})
  t.notOk('hint' in (parseSetting('zzzzzzzzzzzz', true) as object))
  t.end()
})

t.test('what a node or a bucket may set is less than what the cluster may', (t) => {
  t.match(parseSettings({'mirror.copies': 2}, 'node'), {message: /only be set for the whole/})
  t.strictSame(parseSettings({'log.level': '5'}, 'node'), {'log.level': '5'})
  t.match(parseSettings({'log.level': '5'}, 'bucket'), {message: /not a property of buckets/})
  t.strictSame(parseSettings({'mirror.copies': 2}, 'bucket'), {'mirror.copies': 2})
  t.ok(isNodeSetting('log.level'))
  t.ok(isBucketSetting('ec.enabled'))
  t.ok(needsRestart('net.use_ipv6'))
  t.ok(needsRestart('memsys.hk_time'))
  t.ok(needsRestart('timeout.max_keepalive'))
  t.notOk(needsRestart('timeout.startup_time'))
  t.equal(sectionOf('features'), 'features')
  t.notOk(isSettingKey('toString'))
  t.end()
})

t.test('an assignment reads as key and value', (t) => {
  t.strictSame(parseAssignment('log.level=4'), {key: 'log.level', value: '4'})
  t.match(parseAssignment('log.level'), {code: 'USAGE'})
  t.match(parseAssignment('=4'), {code: 'USAGE'})
  t.match(parseAssignment('mirror.copies=x'), {code: 'BAD_CONFIG'})
  t.end()
})

t.test('a setting that is not set has its default', (t) => {
  t.equal(setting({}, 'mirror.copies'), SCHEMA['mirror.copies'].initial)
  t.equal(setting({'mirror.copies': 7}, 'mirror.copies'), 7)
  t.equal(effectiveSettings({'log.level': '5'})['log.level'], '5')
  t.equal(setting({}, 'checksum.validate_warm_get'), true, 'blocks are verified before they go')
  t.equal(formatSetting('log.max_size', 1536), '1536B')
  t.equal(formatSetting('chunks.objsize_limit', 0), '0B')
  t.equal(formatSetting('mirror.enabled', true), 'true')
  t.end()
})

t.test('a stored set is checked by type, range and what settings say together', (t) => {
  t.match(checkSettings({'mirror.copies': '3'}), {message: /invalid mirror.copies/})
  t.match(checkSettings({'mirror.copis': 3}), {hint: 'did you mean mirror.copies?'})
  t.match(checkSettings({'checksum.type': 'crc'}), {message: /invalid checksum.type/})
  const together: readonly (readonly [Partial<Record<SettingKey, number>>, RegExp])[] = [
    [{'ext.timers.lease': 1000}, /lease must be at least 2/],
    [{'ext.timers.elect': 2000}, /elect must be above/],
    [{'ext.timers.own': 3000}, /own must be at least/],
    [{'timeout.max_keepalive': 3000}, /max_keepalive must be at least/],
    [{'space.lowwm': 95}, /space.lowwm/],
    [{'space.highwm': 99}, /space.out_of_space/],
    [{'timeout.join_startup_time': 60_000}, /join_startup_time/],
  ]
  for (const [set, message] of together) {
    t.match(checkSettings(set), {code: 'BAD_CONFIG', message})
  }
  t.equal(checkSettings({'timeout.join_startup_time': 0}), undefined)
  t.end()
})

t.test('timers follow profile and keepalive interval, but for those that are set', (t) => {
  const usual = timersOf({})
  t.match(usual, {beatMs: 1000, electMs: 3000, rankMs: 500, leaseMs: 2000, ownMs: 10_000})
  t.match(usual, {absentGraceMs: 30_000, startupMs: 60_000})
  t.match(timersOf({'ext.timers.profile': 'wan'}), {beatMs: 5000, ownMs: 50_000})
  t.match(timersOf({'keepalivetracker.target.interval': 20_000}), {beatMs: 2000})
  t.match(timersOf({'keepalivetracker.proxy.interval': '1s'}), {beatMs: 200, suspectMs: 800})
  t.match(timersOf({'ext.timers.profile': 'wan', 'ext.timers.beat': 70}), {beatMs: 70})
  t.match(timersOf({'ext.lifecycle.absent_grace': 0, 'timeout.startup_time': 'x'}), {
    absentGraceMs: 0,
    startupMs: 60_000,
  })
  t.end()
})

t.test('a quorum is a majority of the voters, or the only one who may propose', (t) => {
  const smapOf = (...members: readonly Member[]): Smap => ({
    version: 1,
    epoch: 1,
    created: '',
    primary: 'pAAAAAA1' as NodeId,
    nodes: Object.fromEntries(members.map((one) => [one.id, one])),
  })
  const answered = (...ids: readonly string[]): ReadonlySet<string> =>
    new Set(ids.map((id) => `${id}/1`))
  const [p1, p2, t1] = [member('pAAAAAA1'), member('pBBBBBB2'), member('tAAAAAA1')]
  const three = votersOf(smapOf(t1, p2, p1))
  t.strictSame(
    three.map(({id, electable}) => [id, electable]),
    [
      ['tAAAAAA1', false],
      ['pBBBBBB2', true],
      ['pAAAAAA1', true],
    ],
    'in the order of the map, which is the same for all who have the record',
  )
  t.ok(isQuorum(three, answered('pBBBBBB2', 'tAAAAAA1')))
  t.notOk(isQuorum(three, answered('pBBBBBB2')))
  t.notOk(isQuorum(three, new Set(['pBBBBBB2/2', 'tAAAAAA1/1'])), 'another incarnation is another')
  const sole = votersOf(smapOf(p1, t1))
  t.ok(isQuorum(sole, answered('pAAAAAA1')))
  t.notOk(isQuorum(sole, answered('tAAAAAA1')))
  t.equal(previousVoters(smapOf(p1, p2, t1), smapOf(p1, p2)), null, 'one voter less')
  t.match(previousVoters(smapOf(p1, t1), smapOf(p1, p2, t1)), [{id: 'pAAAAAA1'}, {id: 'tAAAAAA1'}])
  t.match(previousVoters(smapOf(p1, p2), smapOf(p1)), {length: 2}, 'only one may propose now')
  const record = {smap: smapOf(p1, p2, t1), pv: sole} as unknown as ClusterRecord
  t.notOk(isRecordQuorum(record, answered('pBBBBBB2', 'tAAAAAA1')), 'the voters before count, too')
  t.ok(isRecordQuorum(record, answered('pBBBBBB2', 'tAAAAAA1'), true), 'unless it is committed')
  t.ok(isRecordQuorum(record, answered('pAAAAAA1', 'tAAAAAA1')))
  t.notOk(isRecordQuorum({...record, pv: null}, answered('tAAAAAA1')))
  t.ok(isRecordQuorum({...record, pv: null}, answered('pBBBBBB2', 'tAAAAAA1')))
  t.end()
})
