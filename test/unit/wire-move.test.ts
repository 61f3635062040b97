/** What targets say to each other in a rebalance, to the byte and back. */

import t from 'tap'
import {xxh64Bytes} from '../../src/base/xxhash.ts'
import type {ObjectName} from '../../src/model/ids.ts'
import {FOOTER_FORMAT, type Footer} from '../../src/wire/footer.ts'
import {
  FRAME_LENGTH_BYTES,
  OBJECTS_PATH,
  decodeFrameFooter,
  decodeFrames,
  decodeObjectsAnswer,
  decodeOffer,
  decodeOfferAnswer,
  encodeFrameHead,
  encodeObjectsAnswer,
  encodeOffer,
  encodeOfferAnswer,
  frameFooterBytes,
  framesPath,
  parseMark,
} from '../../src/wire/move.ts'
import {splitTarget} from '../../src/wire/paths.ts'
import {parseQuery} from '../../src/wire/query.ts'
import {
  decodeHeldAnswer,
  decodeHeldQuestion,
  encodeHeldAnswer,
  encodeHeldQuestion,
} from '../../src/wire/reclaim.ts'

const hash = (bytes: Uint8Array): bigint => xxh64Bytes(bytes, 0n)

function footer(name: string, content: Uint8Array): Footer {
  const blocks = new Uint8Array(content.byteLength === 0 ? 0 : 8)
  if (content.byteLength > 0) new DataView(blocks.buffer).setBigUint64(0, hash(content), true)
  return {
    attributes: {
      name: name as ObjectName,
      bid: '9223372036854775809',
      sizeBytes: content.byteLength,
      gen: {own: 3, counter: 18_446_744_073_709_551_615n},
      version: 4,
      atimeNs: 5n,
      mtimeNs: 6n,
      checksum: {type: 'xxhash2', value: 'ab'},
      custom: {colour: 'gr"ün'},
      tombstone: content.byteLength === 0,
    },
    moreChecksums: [{type: 'md5', value: 'cd'}],
    blocks,
    unknown: {later: [1, 'x']},
  }
}

t.test('an offer and its answer survive the way', async (t) => {
  const offer = {
    rebalance: 7,
    entry: 12,
    bid: '9223372036854775809',
    names: [
      {name: 'a/"ü', gen: {own: 1, counter: 2n ** 64n - 1n}, tombstone: true, sizeBytes: 0},
      {name: 'b', gen: {own: 2, counter: 1n}, tombstone: false, sizeBytes: 5e12},
    ],
  }
  t.strictSame(decodeOffer(encodeOffer(offer)), offer)
  const answer = {wanted: [0, 3], failed: [{at: 1, why: 'a disk "is" away'}], busy: true}
  t.strictSame(decodeOfferAnswer(encodeOfferAnswer(answer)), answer)
  t.strictSame(decodeObjectsAnswer(encodeObjectsAnswer({failed: []})), {failed: []})
  t.throws(() => decodeOffer('{"entry":1}'), {code: 'BAD_REQUEST'})
  t.throws(() => decodeOffer(encodeOffer(offer).replace('"2.1"', '"2-1"')), {code: 'BAD_REQUEST'})
})

t.test('a request with objects names its rebalance', async (t) => {
  const mark = {rebalance: 7, entry: 12}
  const {path, query} = splitTarget(framesPath(OBJECTS_PATH, mark))
  t.equal(path, OBJECTS_PATH)
  t.strictSame(parseMark(parseQuery(query)), mark)
  t.throws(() => parseMark(parseQuery('entry=1')), {code: 'BAD_REQUEST'})
  t.throws(() => parseMark(parseQuery('rebalance=1&entry=x')), {code: 'BAD_REQUEST'})
})

t.test('frames carry every attribute, unknown fields too, and their content', async (t) => {
  const contents = [Buffer.from('one'), new Uint8Array(0), Buffer.from('three')]
  const parts = contents.map((content, at) => ({footer: footer(`n${at}`, content), content}))
  const body = Buffer.concat(
    parts.flatMap(({footer: each, content}) => [encodeFrameHead(each, hash), content]),
  )
  const frames = decodeFrames(body, hash)
  t.strictSame(
    frames.map((frame) => frame.footer),
    parts.map((part) => part.footer),
  )
  t.strictSame(
    frames.map(({content}) => Buffer.from(content).toString()),
    ['one', '', 'three'],
  )
  t.strictSame(decodeFrames(new Uint8Array(0), hash), [])
})

t.test('a frame that is cut or changed anywhere is refused', async (t) => {
  const content = Buffer.from('content')
  const whole = Buffer.concat([encodeFrameHead(footer('n', content), hash), content])
  for (let length = 1; length < whole.byteLength; length++) {
    t.throws(() => decodeFrames(whole.subarray(0, length), hash), {code: 'BAD_REQUEST'})
  }
  const end = whole.byteLength - content.byteLength
  for (let at = FRAME_LENGTH_BYTES; at < end; at += 5) {
    const changed = Buffer.from(whole)
    changed[at] = (changed[at] ?? 0) ^ 1
    t.throws(() => decodeFrames(changed, hash), {code: 'BAD_REQUEST'})
  }
})

t.test('a question whether copies are held comes back as it was asked', async (t) => {
  const gen = {own: 3, counter: 18_446_744_073_709_551_615n}
  const question = {entry: 5, bid: '9223372036854775809', names: [{name: 'ü/"', gen}]}
  t.strictSame(decodeHeldQuestion(encodeHeldQuestion(question)), question)
  const answer = {held: [0, 2], failed: [{at: 1, why: 'away'}]}
  t.strictSame(decodeHeldAnswer(encodeHeldAnswer(answer)), answer)
  t.throws(() => decodeHeldQuestion('{"entry":5}'), {code: 'BAD_REQUEST'})
})

t.test('a footer of a newer release is not taken for an older one', async (t) => {
  const head = Buffer.from(encodeFrameHead(footer('n', new Uint8Array(0)), hash))
  const bytes = head.subarray(FRAME_LENGTH_BYTES)
  t.equal(frameFooterBytes(head), bytes.byteLength)
  bytes.writeUInt16LE(FOOTER_FORMAT + 1, 4)
  bytes.writeBigUInt64LE(hash(bytes.subarray(0, -16)), bytes.byteLength - 16)
  t.throws(() => decodeFrameFooter(bytes, hash), {code: 'INCOMPATIBLE'})
})
