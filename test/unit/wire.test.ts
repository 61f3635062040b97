/** Bytes and JSON to values and back: JSON, paths, queries, headers, objects, errors, lists. */

import t from 'tap'
import fc from 'fast-check'
import {AisError, ERROR_TABLE} from '../../src/base/errors.ts'
import type {ErrorCode} from '../../src/base/errors.ts'
import type {BucketName, ObjectName} from '../../src/model/ids.ts'
import {isRefusal} from '../../src/model/ids.ts'
import type {ObjectAttributes} from '../../src/model/object.ts'
import {
  decodeAction,
  decodeJobQuery,
  decodeJobAction,
  decodeNodeAction,
  encodeAction,
  encodeJobAction,
  encodeNodeAction,
} from '../../src/wire/action.ts'
import * as decode from '../../src/wire/decode.ts'
import {decodeError, encodeError} from '../../src/wire/error-body.ts'
import {
  allHeaders,
  collectHeaders,
  firstHeader,
  fromWire,
  isHeaderSafe,
  sortHeaders,
  toWire,
} from '../../src/wire/headers.ts'
import type {HeaderPair} from '../../src/wire/headers.ts'
import type {Json} from '../../src/wire/json.ts'
import {canonicalJson, encodeJson, JSON_DEPTH_MAX, parseJson} from '../../src/wire/json.ts'
import {
  decodeListJson,
  decodeListRequest,
  encodeListJson,
  encodeListRequest,
  ENTRY_FLAG,
  LIST_FLAG,
  listEntry,
  listPageForMsgpack,
} from '../../src/wire/list.ts'
import type {ListEntry} from '../../src/wire/list.ts'
import {
  badChecksumMessage,
  checkCustom,
  decodeObjectHeaders,
  decodePutHeaders,
  encodeHeadHeaders,
  encodeHeadProps,
  encodeObjectHeaders,
  encodePutHeaders,
  etagOf,
  formatPlace,
  HEAD_PROPS,
  parseChecksumType,
  parseHeadProps,
} from '../../src/wire/object.ts'
import {
  bucketPath,
  isObjectPath,
  objectPath,
  parseBucketPath,
  parseObjectPath,
  splitTarget,
} from '../../src/wire/paths.ts'
import {
  bucketQuery,
  formatQuery,
  parseBucketRef,
  parseGoBool,
  parseQuery,
  queryFlag,
} from '../../src/wire/query.ts'
import {
  decodeRedirectMark,
  encodeLocation,
  redirectBody,
  redirectStatus,
} from '../../src/wire/redirect.ts'
import {formatHttpDate, formatRfc3339Nano, formatRfc822, parseRfc3339} from '../../src/wire/time.ts'

// The same cases in every run; new ones are for those who look for them.
fc.configureGlobal({seed: 20_261_121})

const flat = (pairs: readonly HeaderPair[]): string[] =>
  pairs.flatMap(([name, value]) => [name, value])
const message = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    if (error instanceof AisError) return `${error.code} ${error.message}`
    throw error
  }
  return 'nothing was thrown'
}

const json: fc.Arbitrary<Json> = fc.letrec<{value: Json}>((tie) => ({
  value: fc.oneof(
    {depthSize: 'small'},
    fc.constant(null),
    fc.boolean(),
    fc.string({unit: 'binary'}),
    fc.double({noDefaultInfinity: true, noNaN: true}).map((value) => (value === 0 ? 0 : value)),
    fc.bigInt({min: -(2n ** 70n), max: 2n ** 70n}).map(narrow),
    fc.array(tie('value'), {maxLength: 4}),
    fc
      .dictionary(fc.string(), tie('value'), {maxKeys: 4, noNullPrototype: true})
      .map((value) =>
        Object.fromEntries(Object.entries(value).filter(([key]) => key !== '__proto__')),
      ),
  ),
})).value

function narrow(value: bigint): number | bigint {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value
}

// A double beyond 2^53 prints as an integer, which reads back as bigint: compare texts.
t.test('a string ends at its own quote, whatever is escaped in it', (t) => {
  const tricky = ['\\', '"', '\\"', 'a\\\\"b', '\\u0022', '"\\', '{"a":"b\\"c"}']
  for (const text of tricky) t.same(parseJson(JSON.stringify([text, 'z'])), [text, 'z'])
  for (const open of ['"a\\', '"a\\"', '"\\\\\\"']) {
    t.throws(() => parseJson(open), {code: 'BAD_REQUEST', message: /not closed/}, open)
  }
  const nested = JSON.stringify({record: JSON.stringify({bids: Array(1000).fill('1')})})
  t.same(parseJson(nested), JSON.parse(nested))
  t.end()
})

t.test('what was encoded reads back as the same text', (t) => {
  fc.assert(
    fc.property(json, (value) => encodeJson(parseJson(encodeJson(value))) === encodeJson(value)),
  )
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value, null, 2)
      return text.includes('__proto__') || canonicalJson(parseJson(text)) === canonicalJson(value)
    }),
  )
  t.equal(parseJson('10524444138368551834'), 10_524_444_138_368_551_834n)
  t.equal(parseJson(' -9007199254740993 '), -9_007_199_254_740_993n)
  t.equal(encodeJson({a: undefined, b: [1n << 63n]}), '{"b":[9223372036854775808]}')
  t.throws(() => encodeJson(Number.NaN), {name: 'BugError'})
  t.throws(() => encodeJson([undefined]), {name: 'BugError'})
  t.end()
})

t.test('text that is not JSON is refused with the offset', (t) => {
  const wrong: Readonly<Record<string, RegExp>> = {
    '': /offset 0: the text ends too early/,
    '{"action":': /offset 10: the text ends too early/,
    '{"a":1,"a":2}': /the key "a" comes twice/,
    '{"__proto__":1}': /__proto__ is not allowed/,
    '[1 2]': /expected "," or "]"/,
    '{"a":1 "b":2}': /expected "," or "}"/,
    '{a:1}': /expected a key/,
    '{"a" 1}': /expected ":"/,
    'tru': /expected true/,
    '01': /text after the end/,
    '"a': /a string is not closed/,
    '"a\\n': /a string is not closed/,
    '"a\nb"': /a string is not closed/,
    '"\\q"': /unknown escape/,
    '+1': /expected a value/,
    '1e999': /too large/,
    ['['.repeat(JSON_DEPTH_MAX + 2)]: /nested deeper/,
  }
  for (const [text, problem] of Object.entries(wrong)) {
    t.match(
      message(() => parseJson(text)),
      problem,
      text.slice(0, 20),
    )
  }
  t.strictSame(parseJson(' [ ] '), [])
  t.strictSame(parseJson('{ }'), {})
  t.strictSame(parseJson('[false, null, "\\u00e9\\\\"]'), [false, null, 'é\\'])
  t.end()
})

t.test('a decoder names the path to what it refuses', (t) => {
  const point = decode.struct({
    x: decode.int,
    tags: decode.withDefault(decode.list(decode.text), []),
    more: decode.optional(decode.mapOf(decode.nullable(decode.bool))),
  })
  t.strictSame(decode.decodeWith(point, {x: 1, tags: null, future: [1]}, 'point'), {
    x: 1,
    tags: [],
    future: [1],
  })
  const more = {a: true, b: null}
  t.strictSame(point({x: 1, tags: ['a'], more}, ''), {x: 1, tags: ['a'], more})
  const wrong: readonly (readonly [Json, string])[] = [
    [[], 'point: expected an object, found a list'],
    [{}, 'point.x: is missing'],
    [{x: 1.5}, 'point.x: expected a whole number, found 1.5'],
    [{x: 1, tags: 'a'}, 'point.tags: expected a list, found "a"'],
    [{x: 1, tags: ['a', {}]}, 'point.tags[1]: expected a text, found an object'],
    [{x: 1, more: {a: null, b: 1}}, 'point.more.b: expected true or false, found 1'],
    [{x: null}, 'point.x: expected a whole number, found null'],
  ]
  for (const [value, text] of wrong) {
    t.equal(
      message(() => decode.decodeWith(point, value, 'point')),
      `BAD_REQUEST ${text}`,
    )
  }
  t.end()
})

t.test('numbers, durations, sizes and words read in the forms that clients send', (t) => {
  const path = 'x'
  t.equal(decode.u64(2n ** 63n, path), 2n ** 63n)
  t.equal(decode.strU64('18446744073709551615', path), 2n ** 64n - 1n)
  t.equal(decode.strU64(7, path), 7n)
  t.equal(decode.strInt('7', path), 7)
  t.equal(decode.count(0, path), 0)
  t.equal(decode.num(1.5, path), 1.5)
  t.equal(decode.duration('1m', path), 60_000)
  t.equal(decode.size('1KiB', path), 1024)
  t.equal(decode.size(7, path), 7)
  t.equal(decode.json(null, path), null)
  t.equal(decode.word(['a', 'b'])('b', path), 'b')
  t.equal(decode.textAs('a number', (text) => Number(text) || undefined)('12', path), 12)
  const wrong: readonly (() => unknown)[] = [
    () => decode.u64(-1, path),
    () => decode.u64('1', path),
    () => decode.strU64('x', path),
    () => decode.strInt(String(2n ** 60n), path),
    () => decode.count(-1, path),
    () => decode.num('1', path),
    () => decode.duration(5, path),
    () => decode.size(null, path),
    () => decode.size('x', path),
    () => decode.word(['a'])('c', path),
    () => decode.textAs('a number', () => undefined)('12', path),
    () => decode.textAs('a number', () => 1)(12, path),
    () => decode.mapOf(decode.int)([], path),
  ]
  for (const run of wrong) t.match(message(run), /^BAD_REQUEST x: expected /)
  t.end()
})

t.test('a loose struct matches keys in any case and drops what it does not know', (t) => {
  const loose = decode.looseStruct({
    show_active: decode.optional(decode.bool),
    ID: decode.text,
  })
  t.strictSame(loose({id: 'a', Show_Active: true, other: 1}, ''), {ID: 'a', show_active: true})
  t.strictSame(loose({ID: 'a', id: 'b'}, ''), {ID: 'a'}, 'the first of several counts')
  t.match(
    message(() => loose({}, '')),
    /ID: is missing/,
  )
  t.end()
})

t.test('object names survive the path, whatever they hold', (t) => {
  const segment = fc.string({unit: 'grapheme', minLength: 1, maxLength: 20})
  const names = fc
    .array(segment, {minLength: 1, maxLength: 4})
    .map((parts) => parts.join('/'))
    .filter((name) => !/(^|\/)\.{1,2}(\/|$)|^\/|\0/.test(name) && name.isWellFormed())
  fc.assert(
    fc.property(names, (name) => {
      const found = parseObjectPath(objectPath('b', name))
      return !isRefusal(found) && found.objectName === name && found.bucket === 'b'
    }),
  )
  t.strictSame(parseObjectPath('/v1/objects/b/a%2Fb%20c'), {bucket: 'b', objectName: 'a/b c'})
  t.strictSame(parseObjectPath('/v1/objects/b/a%252F'), {bucket: 'b', objectName: 'a%2F'})
  const wrong = {
    '/v1/objects/b': 'BAD_REQUEST',
    '/v1/buckets/b/o': 'BAD_REQUEST',
    '/v1/objects/b/a/%2e%2e/c': 'BAD_NAME',
    '/v1/objects/b/%ff': 'BAD_NAME',
    '/v1/objects/b/%4': 'BAD_NAME',
    '/v1/objects/%ff/a': 'BAD_NAME',
    '/v1/objects/a..b/a': 'BAD_NAME',
  }
  for (const [path, code] of Object.entries(wrong)) t.match(parseObjectPath(path), {code}, path)
  t.ok(isObjectPath('/v1/objects/b/o'))
  t.end()
})

t.test('paths split into target and bucket', (t) => {
  t.strictSame(splitTarget('/a?b=c?d'), {path: '/a', query: 'b=c?d'})
  t.strictSame(splitTarget('/a'), {path: '/a', query: ''})
  t.equal(parseBucketPath('/v1/buckets'), undefined)
  t.equal(parseBucketPath('/v1/buckets/'), undefined)
  t.equal(parseBucketPath(bucketPath('b')), 'b')
  t.equal(bucketPath(), '/v1/buckets')
  t.match(parseBucketPath('/v1/buckets/f!1'), {code: 'BAD_NAME'})
  t.match(parseBucketPath('/v1/buckets/%ff'), {code: 'BAD_NAME'})
  t.match(parseBucketPath('/v1/bucketsx'), {code: 'BAD_REQUEST'})
  t.end()
})

t.test('queries read as in Go, and the first of repeated values counts', (t) => {
  const query = parseQuery('a=1&&a=2&b+c=d%20e+f&flag&x==')
  t.strictSame(
    [...query],
    [
      ['a', '1'],
      ['b c', 'd e f'],
      ['flag', ''],
      ['x', '='],
    ],
  )
  t.equal(parseQuery('').size, 0)
  t.match(
    message(() => parseQuery('a=%ff')),
    /BAD_REQUEST query .* UTF-8/,
  )
  t.equal(formatQuery({'a': 'b c', 'n': undefined, 'x&': '='}), 'a=b%20c&x%26=%3D')
  for (const word of ['true', 'True', 'T', 'y', 'YES', 'on', '1']) t.equal(parseGoBool(word), true)
  for (const word of ['', 'false', 'F', 'n', 'no', 'OFF', '0']) t.equal(parseGoBool(word), false)
  t.equal(parseGoBool('maybe'), undefined)
  t.equal(queryFlag(parseQuery('cii=true'), 'cii'), true)
  t.equal(queryFlag(parseQuery(''), 'cii'), false)
  t.match(
    message(() => queryFlag(parseQuery('cii=x'), 'cii')),
    /cii/,
  )
  t.end()
})

t.test('a bucket is named by path and query, in all spellings', (t) => {
  const ref = (query: string): unknown => parseBucketRef('b', parseQuery(query))
  t.match(ref(''), {name: 'b', provider: 'ais', namespace: {uuid: '', name: ''}})
  t.match(ref('provider=s3'), {provider: 'aws'})
  t.match(ref('provider=GS'), {provider: 'gcp'})
  t.match(ref('provider=toString'), {code: 'BAD_REQUEST', message: /provider/})
  t.match(ref('namespace=%40u%23n'), {namespace: {uuid: 'u', name: 'n'}})
  t.match(ref('namespace=x'), {code: 'BAD_REQUEST', message: /namespace/})
  t.match(parseBucketRef('', parseQuery('')), {code: 'BAD_NAME'})
  for (const namespace of [
    {uuid: '', name: ''},
    {uuid: 'u', name: 'n'},
  ]) {
    const whole = {name: 'b' as BucketName, provider: 'az' as never, namespace}
    const back = parseBucketRef('b', parseQuery(formatQuery(bucketQuery(whole))))
    t.strictSame(back, {...whole, provider: 'azure'})
  }
  t.end()
})

t.test('header values carry UTF-8, and repeated ones stay apart', (t) => {
  fc.assert(fc.property(fc.string({unit: 'grapheme'}), (text) => fromWire(toWire(text)) === text))
  t.equal(fromWire('\xff'), '\xff', 'bytes that are no UTF-8 stay as they are')
  const bag = collectHeaders([
    'Ais-Custom-Md',
    'a=1',
    'X',
    toWire('é'),
    'ais-custom-md',
    'b=2',
    'odd',
  ])
  t.strictSame(allHeaders(bag, 'AIS-Custom-Md'), ['a=1', 'b=2'])
  t.equal(firstHeader(bag, 'x'), 'é')
  t.equal(firstHeader(bag, 'none'), undefined)
  t.strictSame(allHeaders(bag, 'none'), [])
  t.ok(isHeaderSafe('a\tb é'))
  t.notOk(isHeaderSafe('a\r\nb'))
  t.notOk(isHeaderSafe('\x7f'))
  t.strictSame(
    sortHeaders([
      ['B', '1'],
      ['A', '2'],
      ['B', '0'],
    ]),
    [
      ['A', '2'],
      ['B', '1'],
      ['B', '0'],
    ],
  )
  t.end()
})

const ATTRIBUTES: ObjectAttributes = {
  name: 'a/é' as ObjectName,
  bid: '9223372036854775809',
  sizeBytes: 5,
  gen: {own: 3, counter: 7n},
  version: 1,
  atimeNs: 1_795_260_492_652_635_857n,
  mtimeNs: 1_795_260_492_000_000_000n,
  checksum: {type: 'xxhash2', value: '26c7827d889f6da3'},
  custom: {k2: 'v2', k1: 'v1=é'},
  tombstone: false,
}
const PLACE = {node: 't[tnode0004]', mountpath: '/ais/4/mp1', label: 'lbl1', disks: ['vda']}
const REF = {name: 'f1' as BucketName, provider: 'ais', namespace: {uuid: '', name: ''}} as const

t.test('an object shows itself in headers, and a client reads them back', (t) => {
  const pairs = encodeObjectHeaders(ATTRIBUTES)
  t.strictSame(pairs, [
    ['Ais-Atime', '1795260492652635857'],
    ['Ais-Checksum-Type', 'xxhash2'],
    ['Ais-Checksum-Value', '26c7827d889f6da3'],
    ['Ais-Custom-Md', toWire('k1=v1=é')],
    ['Ais-Custom-Md', 'k2=v2'],
    ['Ais-Version', '1'],
  ])
  const head = encodeHeadHeaders(REF, ATTRIBUTES, PLACE)
  t.match(decodeObjectHeaders(collectHeaders(flat(head))), {
    sizeBytes: 5,
    checksum: ATTRIBUTES.checksum,
    version: '1',
    atimeNs: ATTRIBUTES.atimeNs,
    custom: ATTRIBUTES.custom,
    location: 't[tnode0004]:mp[/ais/4/mp1, vda, "lbl1"]',
    stale: false,
  })
  t.strictSame(decodeObjectHeaders(collectHeaders(['Ais-Degraded', 'stale', 'Ais-Atime', 'x'])), {
    sizeBytes: null,
    checksum: null,
    version: null,
    atimeNs: null,
    custom: {},
    location: null,
    stale: true,
  })
  t.equal(decodeObjectHeaders(collectHeaders(['Ais-Checksum-Type', 'md5'])).checksum?.value, '')
  t.equal(formatPlace({...PLACE, label: '', disks: []}), 't[tnode0004]:mp[/ais/4/mp1]')
  t.end()
})

t.test('HEAD gives what was asked for, and always size and presence', (t) => {
  const ask = (props: string): string[] =>
    encodeHeadProps(parseHeadProps(props), ATTRIBUTES, PLACE).map(([name]) => name)
  t.strictSame(ask(''), ['Ais-Present', 'Content-Length'])
  t.strictSame(ask('etag, last-modified,etag'), [
    'Ais-Present',
    'Content-Length',
    'ETag',
    'Last-Modified',
  ])
  t.equal(ask(HEAD_PROPS.join(',')).length, 14)
  t.match(
    message(() => parseHeadProps('name,cached')),
    /unknown object property "cached"/,
  )
  t.equal(etagOf(ATTRIBUTES), '3-7')
  t.equal(etagOf({...ATTRIBUTES, checksum: {type: 'md5', value: 'ab'}}), 'ab')
  const bare = {...ATTRIBUTES, checksum: {type: 'none', value: ''}} as const
  t.notMatch(encodeObjectHeaders(bare), [['Ais-Atime'], ['Ais-Checksum-Type']])
  t.end()
})

t.test('the headers of a PUT are checked before a byte is read', (t) => {
  const read = (...raw: string[]): ReturnType<typeof decodePutHeaders> =>
    decodePutHeaders(collectHeaders(raw))
  const request = {
    checksum: {type: 'md5', value: 'a'.repeat(32)},
    custom: {a: '1', b: 'é,=2'},
  } as const
  t.strictSame(decodePutHeaders(collectHeaders(flat(encodePutHeaders(request)))), request)
  t.strictSame(read(), {checksum: null, custom: {}})
  t.strictSame(read('Ais-Checksum-Type', 'none').checksum, null)
  t.strictSame(
    read('Ais-Checksum-Type', 'xxhash', 'Ais-Checksum-Value', '0123456789ABCDEF').checksum,
    {
      type: 'xxhash2',
      value: '0123456789abcdef',
    },
  )
  t.strictSame(read('ais-custom-md', 'k1=v1,k2=v2').custom, {k1: 'v1,k2=v2'}, 'one pair per header')
  t.match(
    message(() => read('Ais-Checksum-Type', 'sha1')),
    /BAD_REQUEST checksum type "sha1"/,
  )
  t.match(
    message(() => read('Ais-Checksum-Value', 'ab')),
    /BAD_REQUEST checksum type ""/,
  )
  t.match(
    message(() => read('Ais-Checksum-Type', 'md5', 'Ais-Checksum-Value', 'zz')),
    /BAD_CHECKSUM checksum "zz" is not 32 digits/,
  )
  t.match(
    message(() => read('Ais-Custom-Md', 'novalue')),
    /not of the form key=value/,
  )
  t.match(
    message(() => read('Ais-Custom-Md', `a=${'x'.repeat(9000)}`)),
    /TOO_LARGE/,
  )
  t.equal(parseChecksumType('SHA256'), 'sha256')
  t.equal(parseChecksumType('toString'), undefined)
  t.equal(
    badChecksumMessage(
      {type: 'xxhash2', value: '0123456789abcdef'},
      '26c7827d889f6da3',
      'ais://f1/a/1',
    ),
    'BAD DATA CHECKSUM: xxhash(0123456789abcdef != 26c7827d889f6da3) (context: ais://f1/a/1)',
  )
  t.match(badChecksumMessage(request.checksum, 'b', 'x'), /md5\(/)
  t.end()
})

t.test('custom metadata of a body must fit into headers later', (t) => {
  t.equal(
    message(() => checkCustom({a: 'b'})),
    'nothing was thrown',
  )
  for (const key of ['', 'a=b', 'a\n'])
    t.match(
      message(() => checkCustom({[key]: 'x'})),
      /BAD_REQUEST/,
    )
  t.match(
    message(() => checkCustom({a: '\r'})),
    /BAD_REQUEST/,
  )
  t.match(
    message(() => checkCustom({a: 'x'.repeat(9000)})),
    /TOO_LARGE/,
  )
  t.end()
})

t.test('a redirect carries pid, utm and the fence, and a repeated mark is replaced', (t) => {
  const redirect = {
    pid: 'pnode0000',
    utmNs: 1_795_260_492_647_011_529n,
    fence: 17,
    hops: 0,
    directUrl: 'http://127.0.0.1:18084',
    rawPath: '/v1/objects/f1/%C3%A9',
    rawQuery: 'provider=ais',
  }
  const location = encodeLocation(redirect)
  const utm = redirect.utmNs.toString(36)
  const target = 'http://127.0.0.1:18084/v1/objects/f1/%C3%A9?provider=ais'
  t.equal(location, `${target}&pid=pnode0000&utm=${utm}&ext-fence=17`)
  fc.assert(
    fc.property(
      fc.nat(),
      fc.nat({max: 3}),
      fc.bigInt({min: 0n, max: 2n ** 63n}),
      (fence, hops, utmNs) => {
        const once = splitTarget(encodeLocation({...redirect, fence: 1, hops: 1}))
        const twice = encodeLocation({...redirect, rawQuery: once.query, fence, hops, utmNs})
        const query = parseQuery(splitTarget(twice).query)
        const mark = decodeRedirectMark(query)
        return (
          query.get('provider') === 'ais' &&
          twice.split('pid=').length === 2 &&
          mark?.fence === fence &&
          mark.hops === hops &&
          mark.utmNs === utmNs &&
          mark.pid === 'pnode0000'
        )
      },
    ),
  )
  t.equal(decodeRedirectMark(parseQuery('provider=ais')), null)
  t.equal(decodeRedirectMark(parseQuery('pid=&utm=1')), null)
  t.equal(decodeRedirectMark(parseQuery('pid=p')), null)
  t.equal(decodeRedirectMark(parseQuery('pid=p&utm=!')), null)
  t.match(decodeRedirectMark(parseQuery('pid=p&utm=1')), {fence: null, hops: 0}, "AIStore's own")
  t.match(decodeRedirectMark(parseQuery('pid=p&utm=1&ext-hops=99&ext-fence=x')), {
    fence: null,
    hops: 3,
  })
  const bare = encodeLocation({...redirect, rawQuery: 'a&pid', fence: null})
  t.match(bare, /\?a&pid=pnode0000&utm=[0-9a-z]+$/)
  t.equal(redirectStatus('GET'), 301)
  t.equal(redirectStatus('HEAD'), 307)
  t.equal(
    redirectBody('GET', 'http://x/?a=1&b'),
    '<a href="http://x/?a=1&amp;b">Moved Permanently</a>.\n\n',
  )
  t.equal(redirectBody('PUT', 'http://x'), '')
  t.end()
})

const CONTEXT = {
  method: 'GET',
  urlPath: '/v1/objects/f1/zz',
  remoteAddr: '127.0.0.1:37542',
  caller: '',
  node: 't[tnode0006]',
}

t.test('an error that was encoded comes back as the same code, in a body or a header', (t) => {
  for (const code of Object.keys(ERROR_TABLE) as ErrorCode[]) {
    for (const method of ['GET', 'HEAD']) {
      const error = new AisError({code, message: `what é "${code}"`, hint: 'do é\nthis'})
      const answer = encodeError(error, {...CONTEXT, method})
      const back = decodeError(answer.status, collectHeaders(flat(answer.headers)), answer.body)
      t.match(back, {code, message: error.message, hint: 'do é this'})
      t.match(back.details, {status: answer.status, node: 't[tnode0006]'})
    }
  }
  t.end()
})

t.test("an answer of AIStore's is read by its tcode, then its status", (t) => {
  const none = collectHeaders([])
  const body = '{"tcode":"ErrBucketAlreadyExists","message":"exists","status":409}'
  t.match(decodeError(409, none, body), {code: 'BUCKET_EXISTS', message: 'exists'})
  t.match(decodeError(404, none, '{"message":"gone"}'), {code: 'NOT_FOUND', message: 'gone'})
  t.match(decodeError(503, none, ''), {code: 'NOT_READY', message: 'HTTP status 503'})
  t.match(decodeError(599, none, 'plain text\n'), {code: 'INTERNAL', message: 'plain text'})
  t.match(decodeError(418, none, '{broken'), {code: 'BAD_REQUEST', message: '{broken'})
  t.match(decodeError(404, collectHeaders(['Ais-Ext-Code', 'toString']), ''), {code: 'NOT_FOUND'})
  const busy = {code: 'BUSY', message: 'busy', details: {op: 'm7', nodes: ['a']}} as const
  const answer = encodeError(busy, CONTEXT)
  const back = decodeError(answer.status, collectHeaders(flat(answer.headers)), answer.body)
  t.match(back, {code: 'BUSY', details: {op: 'm7', nodes: ['a'], status: 409}})
  const paths = encodeError({code: 'IO_ERROR', message: 'bad', details: {path: '/x'}}, CONTEXT)
  t.notOk(JSON.stringify(paths).includes('/x'), 'what lies within stays within')
  const quiet = encodeError({code: 'STALE_RECORD', message: 'old'}, CONTEXT)
  t.notMatch(quiet.body, /tcode/)
  t.strictSame(quiet.headers[0], ['Ais-Ext-Code', 'STALE_RECORD'])
  t.end()
})

t.test('an action message is read whatever its case, and written as Go does', (t) => {
  t.equal(encodeAction({action: 'list'}), '{"value":null,"action":"list","name":""}')
  t.strictSame(decodeAction('{"Action":"start","VALUE":{"ID":"x"}}'), {
    action: 'start',
    name: '',
    value: {ID: 'x'},
  })
  t.strictSame(decodeAction(' '), {action: '', name: '', value: null})
  t.match(
    message(() => decodeAction('[]')),
    /action message: expected an object/,
  )
  const value = {
    nodeIds: ['t1', 't2'],
    skipRebalance: true,
    removeUserData: false,
    keepInitialConfig: false,
    noShutdown: true,
  }
  t.strictSame(decodeNodeAction(encodeNodeAction(value) as Json), value)
  const one = {...value, nodeIds: ['t1']}
  t.strictSame(decodeNodeAction(encodeNodeAction(one) as Json), one)
  t.strictSame(decodeNodeAction({sid: 't1', sids: null}).nodeIds, ['t1'])
  t.strictSame(decodeNodeAction(null).nodeIds, [])
  t.strictSame(encodeNodeAction({...value, nodeIds: []})['sid'], '')
  t.strictSame(decodeJobQuery('{"Kind":"rebalance","show_active":true}'), {
    id: '',
    kind: 'rebalance',
    node: '',
    onlyRunning: true,
  })
  t.equal(decodeJobQuery('').onlyRunning, null)
  t.end()
})

t.test('a list request reads its token, props, flags and page size', (t) => {
  const plain = decodeListRequest({})
  t.match(plain, {after: '', props: ['size', 'cached'], pageSize: 10_000, flags: 0})
  t.match(decodeListRequest({props: 'name, version', pagesize: 99_999}), {
    props: ['version'],
    pageSize: 10_000,
  })
  t.equal(decodeListRequest({start_after: 'a', continuation_token: 'b'}).after, 'b')
  t.equal(decodeListRequest({start_after: 'a'}).after, 'a')
  t.strictSame(decodeListRequest({flags: String(LIST_FLAG.nameOnly)}).props, [])
  t.strictSame(decodeListRequest({flags: LIST_FLAG.nameSize, props: 'atime'}).props, ['size'])
  t.match(
    message(() => decodeListRequest(null)),
    /BAD_REQUEST/,
  )
  const request = {...plain, uuid: 'u', after: 'x', props: ['size', 'atime'], pageSize: 3}
  t.strictSame(decodeListRequest(encodeListRequest(request)), request)
  t.end()
})

t.test('a page is the same in JSON, and MessagePack has one-letter keys', (t) => {
  const field = fc.option(fc.string({minLength: 1}), {nil: undefined})
  const entry = fc
    .record({
      name: fc.string({minLength: 1}),
      checksum: field,
      atime: field,
      version: field,
      location: field,
      custom: field,
      size: fc.nat(),
      copies: fc.option(fc.integer({min: 1, max: 3}), {nil: undefined}),
      flags: fc.nat({max: 1 << 14}),
    })
    .map((one) => prune(one))
  fc.assert(
    fc.property(fc.array(entry), fc.string(), fc.string(), (entries, uuid, token) => {
      const page = {uuid, token, entries, flags: 0}
      t.strictSame(decodeListJson(encodeListJson(page)), page)
    }),
    {numRuns: 30},
  )
  const full = listEntry(ATTRIBUTES, PLACE, {
    props: 'checksum atime version location custom size copies'.split(' '),
    timeFormat: '',
  })
  t.strictSame(full, {
    name: 'a/é',
    checksum: '26c7827d889f6da3',
    atime: '21 Nov 26 11:28 UTC',
    version: '1',
    location: 't[tnode0004]:mp[/ais/4/mp1, vda, "lbl1"]',
    custom: '[k1:v1=é, k2:v2]',
    size: 5,
    copies: 1,
    flags: ENTRY_FLAG.present,
  })
  const bare = {...ATTRIBUTES, custom: {}}
  t.strictSame(listEntry(bare, null, {props: ['location', 'custom'], timeFormat: ''}), {
    name: 'a/é',
    flags: 64,
  })
  t.equal(
    listEntry(bare, null, {props: ['atime'], timeFormat: '2006-01-02T15:04:05.999999999Z07:00'})
      .atime,
    '2026-11-21T11:28:12.652635857Z',
  )
  const page = {
    uuid: 'u',
    token: 't',
    entries: [full, {name: 'b', version: '', size: 0, flags: 0}],
    flags: 0,
  }
  t.match(encodeListJson(page), /\{"name":"b"\}\]/, 'what is empty is left out')
  t.strictSame(listPageForMsgpack(page), {
    UUID: 'u',
    ContinuationToken: 't',
    Entries: [
      {
        n: 'a/é',
        cs: '26c7827d889f6da3',
        a: '21 Nov 26 11:28 UTC',
        v: '1',
        t: 't[tnode0004]:mp[/ais/4/mp1, vda, "lbl1"]',
        m: '[k1:v1=é, k2:v2]',
        s: 5,
        c: 1,
        f: 64,
      },
      {n: 'b'},
    ],
    Flags: 0,
  })
  t.match(decodeListJson('{"entries":null}'), {uuid: '', token: '', entries: [], flags: 0})
  t.end()
})

function prune(entry: Readonly<Record<string, unknown>>): ListEntry {
  const pairs = Object.entries(entry).filter(([, value]) => value !== undefined)
  return Object.fromEntries(pairs) as unknown as ListEntry
}

t.test('times print as Go does and read back', (t) => {
  fc.assert(
    fc.property(fc.bigInt({min: 0n, max: 4_000_000_000_000_000_000n}), (ns) => {
      return parseRfc3339(formatRfc3339Nano(ns)) === ns
    }),
  )
  fc.assert(
    fc.property(fc.integer({min: 0, max: 4_000_000_000}), (seconds) => {
      return (
        formatHttpDate(BigInt(seconds) * 1_000_000_000n) === new Date(seconds * 1000).toUTCString()
      )
    }),
  )
  t.equal(formatRfc822(1_795_260_492_652_635_857n), '21 Nov 26 11:28 UTC')
  t.equal(parseRfc3339('2026-11-21T12:28:12.5+01:00'), 1_795_260_492_500_000_000n)
  t.equal(parseRfc3339('2026-11-21 10:28:12-01:00'), 1_795_260_492_000_000_000n)
  t.equal(parseRfc3339('yesterday'), undefined)
  t.end()
})

t.test('the value that starts and stops a job is capitalized, and forgiving', (t) => {
  const job = {id: 'g47', kind: 'rebalance', force: false}
  t.strictSame(encodeJobAction(job), {ID: 'g47', Kind: 'rebalance'})
  t.strictSame(decodeJobAction(encodeJobAction(job)), job)
  t.strictSame(decodeJobAction(null), {id: '', kind: '', force: false})
  t.match(encodeJobAction({...job, force: true}), {Force: true})
  t.end()
})
