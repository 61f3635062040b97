/** What our own nodes write and say to each other: records, messages, greetings, footers, pages. */

import t from 'tap'
import fc from 'fast-check'
import {AisError} from '../../src/base/errors.ts'
import {xxh64Bytes} from '../../src/base/xxhash.ts'
import type {BucketName, ClusterUuid, NodeId, ObjectName} from '../../src/model/ids.ts'
import {RECORD_BYTES_MAX} from '../../src/model/limits.ts'
import type {Member} from '../../src/model/node.ts'
import type {ObjectAttributes} from '../../src/model/object.ts'
import type {PeerAnswer, PeerRequest, StoredRecord} from '../../src/model/peer-messages.ts'
import type {ClusterRecord} from '../../src/model/record.ts'
import type {Footer} from '../../src/wire/footer.ts'
import {blockCount, blockHash, encodeFooter, findFooter} from '../../src/wire/footer.ts'
import {
  decodeHelloQuestion,
  decodeHelloReply,
  encodeHello,
  helloTranscript,
} from '../../src/wire/hello.ts'
import {canonicalJson, parseJson} from '../../src/wire/json.ts'
import {decodeLocalPage, encodeLocalPage} from '../../src/wire/local-page.ts'
import {decodeLocalQuery, encodeLocalQuery} from '../../src/wire/local-query.ts'
import {PEER_HEADER} from '../../src/wire/peer-headers.ts'
import {PEER_PATHS, peerMessageAt, peerPath} from '../../src/wire/peer-paths.ts'
import {
  decodePeerAnswer,
  decodePeerRequest,
  encodePeerAnswer,
  encodePeerRequest,
  foreignJoinRefusal,
} from '../../src/wire/peer.ts'
import {decodeRecord, encodeRecord} from '../../src/wire/record.ts'

// The same cases in every run; new ones are for those who look for them.
fc.configureGlobal({seed: 20_261_121})

const UUID = 'na8a52NmR' as ClusterUuid
const AT = {host: '10.0.0.1', port: 51084}

const P1: Member = {
  id: 'pAAAAAA1' as NodeId,
  role: 'proxy',
  public: {host: '10.0.0.1', port: 51080},
  control: AT,
  data: AT,
  flags: 0,
  inc: 1,
  learner: false,
  away: {kind: 'absent', sinceMs: 5},
  speaks: [1, 1],
}

const RECORD = {
  format: 1,
  uuid: UUID,
  epoch: 2,
  index: 9,
  parent: 'ab',
  pv: [{id: P1.id, inc: 1, electable: true}],
  level: 1,
  smap: {
    version: 7,
    epoch: 2,
    created: '2026-11-21 11:28:03',
    primary: P1.id,
    nodes: {[P1.id]: P1},
  },
  bmd: {
    version: 2,
    epoch: 2,
    serial: 1,
    buckets: {
      'ais/@#/b': {
        ref: {name: 'b' as BucketName, provider: 'ais', namespace: {uuid: '', name: ''}},
        bid: '9223372036854775809',
        createdNs: '1795260492624425690',
        durability: 'default',
        set: {'mirror.copies': 3},
      },
    },
  },
  rmd: {version: 0, epoch: 2, targetIds: []},
  conf: {
    version: 1,
    epoch: 2,
    updated: '',
    set: {'log.level': '4'},
    urls: {primary: 'http://10.0.0.1:51084', original: '', discovery: ''},
  },
  tokens: {version: 0, epoch: 2, revoked: []},
  own: [{index: 4, targets: ['tAAAAAA1' as NodeId]}],
  op: null,
  move: null,
  heir: null,
  elections: [],
  rebalances: [],
} as const satisfies ClusterRecord

/** A stand-in with the property that matters: another text, another value. */
const sha256 = (text: string): string => xxh64Bytes(new TextEncoder().encode(text), 0n).toString(16)

function refusalOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof AisError) return `${error.code} ${error.message}`
    throw error
  }
  return 'nothing was thrown'
}

t.test('a record survives its text, with the fields that nobody knows', (t) => {
  const text = encodeRecord(RECORD)
  t.equal(encodeRecord(decodeRecord(text)), text)
  const newer = {
    ...RECORD,
    future: [1],
    smap: {...RECORD.smap, nodes: {[P1.id]: {...P1, colour: 'red'}}},
    own: [{index: 4, targets: [], merged: [[P1.id]], swept: true, more: true}],
  }
  t.equal(encodeRecord(decodeRecord(canonicalJson(newer))), canonicalJson(newer))
  t.end()
})

t.test('what is no record of this release is refused with its path', (t) => {
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{format: 2}, /INCOMPATIBLE record of format 2: this release reads up to 1/],
    [{uuid: 'x'}, /record.uuid: expected a cluster uuid/],
    [{epoch: -1}, /record.epoch/],
    [{smap: {...RECORD.smap, primary: 'x'}}, /record.smap.primary: expected a node id/],
    [{conf: {...RECORD.conf, set: {a: {b: 2n ** 60n}}}}, /record.conf.set.a.b: .*below 2\^53/],
    [{smap: {...RECORD.smap, nodes: {x: {...P1, speaks: [1]}}}}, /speaks: expected two numbers/],
    [{smap: {...RECORD.smap, nodes: {x: {...P1, speaks: [1, 2, 3]}}}}, /two numbers/],
  ]
  for (const [change, problem] of wrong) {
    t.match(
      refusalOf(() => decodeRecord(canonicalJson({...RECORD, ...change}))),
      problem,
    )
  }
  t.match(
    refusalOf(() => decodeRecord('[]')),
    /record: expected an object/,
  )
  t.match(
    refusalOf(() => decodeRecord(' '.repeat(RECORD_BYTES_MAX + 1))),
    /TOO_LARGE/,
  )
  t.end()
})

const TEXT = encodeRecord(RECORD)
const STORED: StoredRecord = {record: RECORD, text: TEXT, sha: sha256(TEXT)}
const HERE = {epoch: 2, index: 9}
const VOTER = {id: P1.id, inc: 1}

const REQUESTS: readonly PeerRequest[] = [
  {
    type: 'vote',
    uuid: UUID,
    epoch: 3,
    candidate: VOTER,
    pre: true,
    founding: false,
    led: 0,
    forced: false,
    holds: {position: HERE, sha: 'ab'},
  },
  {type: 'prepare', uuid: UUID, epoch: 2, record: STORED, committed: HERE},
  {
    type: 'beat',
    uuid: UUID,
    epoch: 2,
    committed: HERE,
    committedSha: 'ab',
    settled: 4,
    started: true,
    to: {inc: 1, run: 2},
    echo: 7,
    leaseMs: 1000,
  },
  {type: 'join', member: P1, uuid: '', by: 'self', hasState: false, run: 1},
  {type: 'leaving', uuid: UUID, voter: VOTER, run: 1, gone: true},
  {type: 'probe', uuid: UUID},
  {type: 'check', uuid: UUID, subject: P1.id, control: AT},
  {type: 'invite', uuid: UUID, primary: AT, nonElectable: true},
]

const ANSWERS: readonly PeerAnswer[] = [
  {
    type: 'vote',
    granted: true,
    reason: '',
    voter: VOTER,
    promisedEpoch: 3,
    position: HERE,
    sha: 'ab',
    accepted: STORED,
    committed: HERE,
    amnesia: false,
  },
  {
    type: 'prepare',
    accepted: false,
    reason: 'older',
    voter: VOTER,
    promisedEpoch: 3,
    position: HERE,
  },
  {
    type: 'beat',
    accepted: true,
    reason: '',
    voter: VOTER,
    run: 2,
    promisedEpoch: 2,
    position: HERE,
    held: HERE,
    nonce: 8,
    stopping: false,
    reclaim: null,
    cleared: 4,
    move: {
      rebalance: 3,
      entry: 9,
      state: 'walking',
      objects: 12,
      bytes: 4096,
      sent: {[P1.id]: {objects: 12, bytes: 4096}},
      left: -1,
      problem: '',
    },
  },
  {type: 'join', refusal: null, primary: AT, inc: 1, committed: STORED},
  {type: 'leaving', recorded: true},
  {
    type: 'probe',
    id: P1.id,
    role: 'proxy',
    uuid: UUID,
    hasState: true,
    position: HERE,
    promisedEpoch: 2,
    primary: {id: P1.id, control: AT},
    clusterStarted: true,
    leads: 0,
  },
  {type: 'check', reachable: false, detail: 'refused'},
  {type: 'invite', refusal: {code: 'BUSY', message: 'busy'}},
]

t.test('every message between nodes comes back as it was sent', (t) => {
  for (const request of REQUESTS) {
    t.strictSame(decodePeerRequest(encodePeerRequest(request), sha256), request, request.type)
  }
  for (const answer of ANSWERS) {
    t.strictSame(decodePeerAnswer(encodePeerAnswer(answer), sha256), answer, answer.type)
  }
  const empty = {...ANSWERS[0], accepted: null} as PeerAnswer
  t.strictSame(decodePeerAnswer(encodePeerAnswer(empty), sha256), empty)
  const alone = {type: 'join', refusal: null, primary: null, inc: 0, committed: null} as const
  t.strictSame(decodePeerAnswer(encodePeerAnswer(alone), sha256), alone)
  t.end()
})

t.test('the bytes of a record arrive as they left, and the receiver hashes them', (t) => {
  const spaced = `${TEXT} `
  const body = canonicalJson({...REQUESTS[1], record: spaced})
  const request = decodePeerRequest(body, sha256)
  t.match(request, {record: {text: spaced, sha: sha256(spaced)}})
  t.not(sha256(spaced), STORED.sha)
  t.end()
})

t.test('a message that is none is refused, and a node of AIStore by name', (t) => {
  for (const type of ['toString', 'nonsense', 7]) {
    t.match(
      refusalOf(() => decodePeerRequest(canonicalJson({type}), sha256)),
      /request.type/,
    )
  }
  t.match(
    refusalOf(() => decodePeerAnswer('{}', sha256)),
    /answer.type/,
  )
  const body = '{"si":{"daemon_id":"tNaDt8083"},"smap":null}'
  t.match(
    refusalOf(() => decodePeerRequest(body, sha256)),
    /INCOMPATIBLE AIStore node tNaDt8083/,
  )
  t.match(foreignJoinRefusal({si: {}}), {message: /\(unnamed\)/})
  t.equal(foreignJoinRefusal([]), undefined)
  t.equal(foreignJoinRefusal({si: 1}), undefined)
  t.end()
})

t.test('each message has one path, and each path one message', (t) => {
  for (const row of PEER_PATHS) {
    t.strictSame(peerPath(row.type), row)
    t.equal(peerMessageAt(row.method, row.path), row.type)
  }
  t.equal(peerMessageAt('GET', '/v1/vote'), undefined)
  t.equal(new Set(Object.values(PEER_HEADER)).size, 5)
  t.end()
})

t.test('both sides of a greeting sign the same text, and any change is another text', (t) => {
  const question = {format: 1, uuid: UUID, id: 'a', inc: 1, nonce: 'n1', keys: ['k1', 'k2']}
  const reply = {
    format: 1,
    uuid: UUID,
    id: 'b',
    inc: 1,
    nonce: 'n2',
    key: 'k1',
    session: 's',
    proof: 'p',
  }
  t.strictSame(decodeHelloQuestion(encodeHello(question)), question)
  t.strictSame(decodeHelloReply(encodeHello(reply)), reply)
  const signed = helloTranscript(question, reply)
  const other = {...reply, proof: 'other'}
  t.equal(helloTranscript(question, other), signed)
  for (const key of ['uuid', 'id', 'nonce'] as const) {
    t.not(helloTranscript({...question, [key]: 'x'}, reply), signed)
    t.not(helloTranscript(question, {...reply, [key]: 'x'}), signed)
  }
  t.throws(() => decodeHelloReply('{}'), {code: 'BAD_REQUEST'})
  t.end()
})

const ATTRIBUTES: ObjectAttributes = {
  name: 'a/é' as ObjectName,
  bid: '9223372036854775809',
  sizeBytes: 5,
  gen: {own: 3, counter: 2n ** 63n},
  version: 2,
  atimeNs: 1_795_260_492_652_635_857n,
  mtimeNs: 1_795_260_492_000_000_000n,
  checksum: {type: 'xxhash2', value: '26c7827d889f6da3'},
  custom: {k: 'v'},
  tombstone: false,
}

function footerOf(more: Partial<ObjectAttributes> = {}): Footer {
  const attributes = {...ATTRIBUTES, ...more}
  const blocks = new Uint8Array(8 * blockCount(attributes.sizeBytes)).fill(7)
  const moreChecksums = [{type: 'md5', value: 'ab'}] as const
  return {attributes, moreChecksums, blocks, unknown: {later: 1}}
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}

const CONTENT = new TextEncoder().encode('hello')

t.test('a footer is found behind its content, and the last valid one wins', (t) => {
  const footer = footerOf()
  const first = encodeFooter(footer)
  const file = join(CONTENT, first)
  const found = findFooter(file, 0)
  t.match(found, {kind: 'found', start: 5, end: file.length})
  t.strictSame(found.kind === 'found' ? found.footer : null, footer)
  t.equal(blockHash(footer, 0), 0x0707070707070707n)
  const second = encodeFooter(footerOf({custom: {k: 'w'}}))
  const both = join(file, second)
  t.match(findFooter(both, 0), {footer: {attributes: {custom: {k: 'w'}}}})
  for (const cut of [1, 8, 20, second.length - 1]) {
    const torn = both.subarray(0, both.length - cut)
    t.match(findFooter(torn, 0), {footer: {attributes: {custom: {k: 'v'}}}}, `torn by ${cut}`)
  }
  const tombstone = footerOf({sizeBytes: 0, tombstone: true, checksum: {type: 'none', value: ''}})
  t.match(findFooter(encodeFooter(tombstone), 0), {footer: {attributes: {tombstone: true}}})
  t.end()
})

t.test('any changed byte of a footer is noticed', (t) => {
  const file = join(CONTENT, encodeFooter(footerOf()))
  fc.assert(
    fc.property(
      fc.integer({min: 5, max: file.length - 1}),
      fc.integer({min: 1, max: 255}),
      (at, x) => {
        const broken = file.slice()
        broken[at] = (broken[at] ?? 0) ^ x
        return findFooter(broken, 0).kind !== 'found'
      },
    ),
  )
  t.end()
})

t.test('a tail that is too short asks for more, and a foreign file has none', (t) => {
  const file = join(CONTENT, encodeFooter(footerOf()))
  const tail = file.subarray(file.length - 50)
  t.strictSame(findFooter(tail, file.length - 50), {kind: 'more', tailBytes: file.length - 5})
  t.strictSame(findFooter(new Uint8Array(100), 900), {kind: 'more', tailBytes: 400})
  t.strictSame(findFooter(new Uint8Array(100), 0), {kind: 'none'})
  const cut = file.subarray(20)
  t.strictSame(findFooter(cut, 0), {kind: 'none'}, 'its start was never there')
  t.end()
})

/** A footer with other JSON or another head, and a hash that fits again. */
function forged(change: (bytes: Uint8Array, view: DataView) => void, json?: string): Uint8Array {
  const good = encodeFooter(footerOf({sizeBytes: 0}))
  const head = good.subarray(0, 24)
  const body = json === undefined ? good.subarray(24, -16) : new TextEncoder().encode(json)
  const bytes = join(head, body, new Uint8Array(16))
  const view = new DataView(bytes.buffer)
  view.setUint32(8, body.length, true)
  change(bytes, view)
  const hashed = bytes.length - 16
  view.setBigUint64(hashed, xxh64Bytes(bytes.subarray(0, hashed), 0n), true)
  view.setUint32(bytes.length - 8, bytes.length, true)
  view.setUint32(bytes.length - 4, 0x41495346, true)
  return bytes
}

t.test('a footer of a newer release is named, one with another meaning is none', (t) => {
  const kind = (bytes: Uint8Array): string => findFooter(bytes, 0).kind
  const asIs = (): void => undefined
  t.equal(kind(forged(asIs)), 'found')
  t.strictSame(
    findFooter(
      forged((_bytes, view) => view.setUint16(4, 9, true)),
      0,
    ),
    {kind: 'newer', format: 9},
  )
  t.equal(kind(forged((_bytes, view) => view.setUint32(0, 1, true))), 'none')
  t.equal(kind(forged((_bytes, view) => view.setUint32(12, 1, true))), 'none')
  t.equal(kind(forged((_bytes, view) => view.setBigUint64(16, 9n, true))), 'none')
  const json = {
    name: 'a',
    bid: '1',
    gen: '1.2',
    version: 1,
    atime: '1',
    mtime: '1',
    checksums: [] as unknown,
    custom: {} as unknown,
  }
  t.equal(kind(forged(asIs, JSON.stringify(json))), 'found', 'no checksum is one of type none')
  const wrong = [
    '[]',
    '{"a"',
    ...[
      {gen: 'x'},
      {gen: 1},
      {atime: 1},
      {custom: []},
      {custom: {a: 1}},
      {custom: null},
      {checksums: 1},
      {checksums: [1]},
      {checksums: [['md5', 1]]},
    ].map((change) => JSON.stringify({...json, ...change})),
  ]
  for (const text of wrong) t.equal(kind(forged(asIs, text)), 'none', text)
  t.end()
})

t.test("a target's page of names survives, with its tombstones", (t) => {
  const place = {node: 't[tAAAAAA1]', mountpath: '/ais/mp1', label: '', disks: ['sda']}
  const other = {...place, mountpath: '/ais/mp2'}
  const gone = {...ATTRIBUTES, name: 'b' as ObjectName, tombstone: true}
  const page = {
    entries: [
      {attributes: ATTRIBUTES, place},
      {attributes: gone, place: other},
      {attributes: ATTRIBUTES, place},
    ],
    more: true,
    missing: ['/ais/mp3 is away'],
  }
  t.strictSame(decodeLocalPage(encodeLocalPage(page)), page)
  t.match(
    refusalOf(() => decodeLocalPage('{')),
    /INTERNAL .* not JSON/,
  )
  t.match(
    refusalOf(() => decodeLocalPage('{}')),
    /INTERNAL .* another shape/,
  )
  const raw = JSON.parse(encodeLocalPage(page)) as {entries: unknown[][]; places: unknown[]}
  t.match(
    refusalOf(() => decodeLocalPage(JSON.stringify({...raw, format: 2}))),
    /INCOMPATIBLE/,
  )
  t.match(
    refusalOf(() => decodeLocalPage(JSON.stringify({...raw, places: []}))),
    /damaged/,
  )
  t.end()
})

t.test("a gateway's question for a page survives", (t) => {
  const query = {
    ref: {name: 'b' as BucketName, provider: 'ais', namespace: {uuid: '', name: ''}},
    recordIndex: 9,
    own: {from: 4, to: 7},
    prefix: 'é',
    after: '',
    limit: 10,
    partial: false,
  } as const
  t.strictSame(decodeLocalQuery(encodeLocalQuery(query)), query)
  t.strictSame(parseJson(encodeLocalQuery(query)), JSON.parse(encodeLocalQuery(query)))
  t.end()
})
