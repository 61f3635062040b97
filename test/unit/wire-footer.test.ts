/** Footers and pages: what is written is read back, and what is torn is not believed. */

import fc from 'fast-check'
import t from 'tap'
import type {Footer} from '../../src/wire/footer.ts'
import {
  FOOTER_FORMAT,
  blockCount,
  blockHash,
  encodeFooter,
  findFooter,
} from '../../src/wire/footer.ts'
import {xxh64Bytes} from '../../src/base/xxhash.ts'
import type {ObjectName} from '../../src/model/ids.ts'
import type {ChecksumType} from '../../src/model/object.ts'
import {decodeLocalPage, encodeLocalPage} from '../../src/wire/local-page.ts'

// The same cases in every run; new ones are for those who look for them.
fc.configureGlobal({seed: 20_261_121})

const hash = (bytes: Uint8Array): bigint => xxh64Bytes(bytes, 0n)
const u64 = fc.bigInt({min: 0n, max: 0xffff_ffff_ffff_ffffn})
const words = fc.string({unit: 'grapheme', maxLength: 30})
const checksum = fc.record({
  type: fc.constantFrom<ChecksumType>('none', 'xxhash2', 'md5', 'sha256', 'crc32c'),
  value: fc.stringMatching(/^[0-9a-f]{0,64}$/),
})
const attributes = fc.record({
  name: words.map((text) => `o${text}` as ObjectName),
  bid: u64.map(String),
  sizeBytes: fc.nat(5_000_000),
  gen: fc.record({own: fc.nat(), counter: u64}),
  version: fc.nat(),
  atimeNs: u64,
  mtimeNs: u64,
  checksum,
  custom: fc.dictionary(fc.stringMatching(/^[a-z]{1,9}$/), words),
  tombstone: fc.boolean(),
})
const footers: fc.Arbitrary<Footer> = fc
  .record({
    attributes,
    moreChecksums: fc.array(checksum, {maxLength: 3}),
    unknown: fc.dictionary(fc.stringMatching(/^x_[a-z]{1,9}$/), fc.jsonValue() as never),
  })
  .map((parts) => {
    const blocks = new Uint8Array(8 * blockCount(parts.attributes.sizeBytes)).fill(7)
    return {...parts, blocks} as Footer
  })

/** A file: content of the footer's length, then the bytes. */
function fileOf(footer: Footer, ...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.alloc(footer.attributes.sizeBytes, 0x41), ...parts])
}

t.test('a footer is read back as it was written, unknown fields included', (t) => {
  fc.assert(
    fc.property(footers, (footer) => {
      const bytes = encodeFooter(footer)
      const file = fileOf(footer, bytes)
      const found = findFooter(file, 0, hash)
      t.strictSame(
        found.kind === 'found' && JSON.stringify(plain(found.footer)),
        JSON.stringify(plain(footer)),
      )
      return found.kind === 'found' && found.start === footer.attributes.sizeBytes
    }),
    {numRuns: 60},
  )
  t.end()
})

function plain(footer: Footer): unknown {
  const {gen, atimeNs, mtimeNs, ...rest} = footer.attributes
  return {
    ...footer,
    blocks: [...footer.blocks],
    attributes: [rest, String(gen.own), String(gen.counter), String(atimeNs), String(mtimeNs)],
  }
}

const SAMPLE: Footer = {
  attributes: {
    name: 'a/b' as ObjectName,
    bid: '7',
    sizeBytes: 3,
    gen: {own: 2, counter: 9n},
    version: 1,
    atimeNs: 1n,
    mtimeNs: 2n,
    checksum: {type: 'md5', value: 'ab'},
    custom: {},
    tombstone: false,
  },
  moreChecksums: [],
  blocks: Uint8Array.from([1, 0, 0, 0, 0, 0, 0, 0]),
  unknown: {},
}

t.test('the last footer that verifies wins, whatever a torn append left behind it', (t) => {
  const first = encodeFooter(SAMPLE)
  const changed = {...SAMPLE, attributes: {...SAMPLE.attributes, custom: {k: 'v'}}}
  const second = encodeFooter(changed)
  for (let kept = 0; kept <= second.byteLength; kept++) {
    const torn = second.slice(0, kept)
    const found = findFooter(fileOf(SAMPLE, first, torn), 0, hash)
    const custom = found.kind === 'found' ? found.footer.attributes.custom : null
    t.strictSame(custom, kept === second.byteLength ? {k: 'v'} : {}, `${kept} bytes`)
  }
  const zeros = new Uint8Array(second.byteLength)
  t.match(findFooter(fileOf(SAMPLE, first, zeros), 0, hash), {kind: 'found'})
  t.equal(blockHash(SAMPLE, 0), 1n)
  t.end()
})

/** An appended footer that starts at each place of a sector, and is longer than some sectors. */
const APPENDED = [1, 9, 500, 511, 512, 600, 3000].map((bytes) => {
  const sizeBytes = bytes
  const base = {...SAMPLE, attributes: {...SAMPLE.attributes, sizeBytes}}
  const text = 'word '.repeat(400)
  const changed = {...base, attributes: {...base.attributes, custom: {k: text}}}
  return {base, first: encodeFooter(base), second: encodeFooter(changed)}
})

t.test('an older footer is in force behind what a crash can leave of an append', (t) => {
  for (const {base, first, second} of APPENDED) {
    const start = base.attributes.sizeBytes + first.byteLength
    const force = (rest: Uint8Array): string => {
      const found = findFooter(fileOf(base, first, rest), 0, hash)
      if (found.kind !== 'found') return found.kind
      return 'k' in found.footer.attributes.custom ? 'new' : 'old'
    }
    t.equal(force(second), 'new')
    for (let kept = 0; kept < second.byteLength; kept++) {
      if (force(second.slice(0, kept)) !== 'old') t.fail(`${kept} bytes`)
    }
    // Sectors that never came read as zeros.
    for (let sector = 0; sector * 512 < start + second.byteLength; sector++) {
      const from = Math.max(sector * 512 - start, 0)
      const to = Math.min((sector + 1) * 512 - start, second.byteLength)
      if (to <= 0) continue
      const torn = second.slice().fill(0, from, to)
      t.equal(force(torn), 'old', `without sector ${sector}`)
      t.equal(force(torn.slice(0, -1)), 'old', `without sector ${sector}, and cut`)
    }
  }
  t.end()
})

t.test('a rotten last footer is damage: the one before it says what was changed since', (t) => {
  for (const {base, first, second} of APPENDED) {
    for (let at = 0; at < second.byteLength; at++) {
      const rotten = second.slice()
      rotten[at] = (rotten[at] ?? 0) ^ 0x20
      const {kind} = findFooter(fileOf(base, first, rotten), 0, hash)
      if (kind !== 'damaged') t.fail(`byte ${at} of ${second.byteLength}: ${kind}`)
    }
    const rotten = second.slice()
    rotten[40] = (rotten[40] ?? 0) ^ 1
    t.match(findFooter(fileOf(base, first, rotten, second), 0, hash), {kind: 'found'})
    const torn = second.slice(0, 700)
    t.match(findFooter(fileOf(base, first, rotten, torn), 0, hash), {kind: 'damaged'})
  }
  t.end()
})

t.test('a changed byte is not believed, and a tail that is too short asks for more', (t) => {
  const bytes = encodeFooter(SAMPLE)
  for (let at = 0; at < bytes.byteLength; at++) {
    const rotten = bytes.slice()
    rotten[at] = (rotten[at] ?? 0) ^ 1
    t.strictSame(findFooter(fileOf(SAMPLE, rotten), 0, hash), {kind: 'none'})
  }
  const file = fileOf(SAMPLE, bytes)
  for (const length of [0, 4, 12, 50]) {
    const tail = file.subarray(file.byteLength - length)
    t.match(findFooter(tail, file.byteLength - length, hash), {kind: 'more'})
  }
  const inside = findFooter(file.subarray(3), 3, hash)
  t.match(inside, {kind: 'found', start: 3, end: file.byteLength})
  t.end()
})

t.test('a footer of a newer release is named as such', (t) => {
  const bytes = encodeFooter(SAMPLE)
  const view = new DataView(bytes.buffer)
  view.setUint16(4, FOOTER_FORMAT + 1, true)
  const hashed = bytes.byteLength - 16
  view.setBigUint64(hashed, hash(bytes.subarray(0, hashed)), true)
  const found = findFooter(fileOf(SAMPLE, bytes), 0, hash)
  t.strictSame(found, {kind: 'newer', format: FOOTER_FORMAT + 1})
  t.end()
})

t.test('JSON of another shape under a valid checksum is no footer', (t) => {
  const bad = [
    {name: 3},
    {gen: '1'},
    {checksums: 'md5'},
    {checksums: [['md5']]},
    {atime: 'x'},
    {custom: []},
    {custom: {k: 1}},
  ]
  for (const change of bad) {
    const good = {name: 'a', bid: '7', gen: '1.2', version: 1, atime: '1', mtime: '1'}
    const json = Buffer.from(JSON.stringify({...good, checksums: [], custom: {}, ...change}))
    t.strictSame(findFooter(rawFooter(json), 0, hash), {kind: 'none'}, JSON.stringify(change))
  }
  t.strictSame(findFooter(rawFooter(Buffer.from('[]')), 0, hash), {kind: 'none'})
  t.strictSame(findFooter(rawFooter(Buffer.from('{')), 0, hash), {kind: 'none'})
  const none = {name: 'a', bid: '7', gen: '1.2', version: 1, atime: '1', mtime: '1'}
  const json = Buffer.from(JSON.stringify({...none, checksums: [], custom: {}}))
  const found = findFooter(rawFooter(json), 0, hash)
  t.match(found, {footer: {attributes: {checksum: {type: 'none', value: ''}}}})
  t.end()
})

/** A footer of an empty object around any JSON. */
function rawFooter(json: Uint8Array): Buffer {
  const empty = {...SAMPLE.attributes, sizeBytes: 0}
  const head = encodeFooter({...SAMPLE, attributes: empty, blocks: new Uint8Array(0)}).slice(0, 24)
  new DataView(head.buffer).setUint32(8, json.byteLength, true)
  const hashed = Buffer.concat([head, json])
  const tail = Buffer.alloc(16)
  tail.writeBigUInt64LE(hash(hashed))
  tail.writeUInt32LE(hashed.byteLength + 16, 8)
  tail.write('FSIA', 12, 'latin1')
  return Buffer.concat([hashed, tail])
}

t.test('a footer stays what it is when the buffer that it was read from is used again', (t) => {
  const buffer = fileOf(SAMPLE, encodeFooter(SAMPLE))
  const found = findFooter(buffer, 0, hash)
  if (found.kind !== 'found') throw new Error('a footer')
  buffer.fill(0xff)
  t.strictSame(found.footer.blocks, SAMPLE.blocks)
  t.end()
})

t.test('a page of names travels between nodes unchanged', (t) => {
  const place = {node: 't[x]', mountpath: '/ais/mp1', label: 'l', disks: ['sda']}
  fc.assert(
    fc.property(fc.array(attributes, {maxLength: 5}), fc.boolean(), (list, more) => {
      const page = {
        entries: list.map((one, at) => ({
          attributes: one,
          place: at % 2 === 0 ? place : {...place, mountpath: '/ais/mp2'},
        })),
        more,
        missing: more ? ['/ais/mp3: gone'] : [],
      }
      const back = decodeLocalPage(encodeLocalPage(page))
      t.strictSame(
        back.entries.map((entry) => [entry.place.mountpath, entry.attributes.gen.counter]),
        page.entries.map((entry) => [entry.place.mountpath, entry.attributes.gen.counter]),
      )
      return encodeLocalPage(back) === encodeLocalPage(page) && back.more === more
    }),
    {numRuns: 40},
  )
  t.throws(() => decodeLocalPage('{"format":9,"entries":[]}'), {code: 'INCOMPATIBLE'})
  t.throws(() => decodeLocalPage('[]'), {code: 'INTERNAL'})
  t.throws(() => decodeLocalPage('{'), {code: 'INTERNAL'})
  const damaged = '{"format":1,"entries":[["a","x",0]],"places":[],"more":false,"missing":[]}'
  t.throws(() => decodeLocalPage(damaged), {code: 'INTERNAL'})
  t.end()
})
