/** The words that everything stands on: errors, units, 64-bit numbers, hashes, seeded draws. */

import t from 'tap'
import fc from 'fast-check'
import {assert, BugError, defined, unreachable} from '../../src/base/assert.ts'
import {canonicalJson} from '../../src/base/canonical-json.ts'
import {AisError, ERROR_TABLE, errorRow, refusal} from '../../src/base/errors.ts'
import {nextInt, nextRatio, nextU32, prngOf} from '../../src/base/prng.ts'
import {parseU64, rotateLeft64, U64_MAX, wrapU64} from '../../src/base/u64.ts'
import {
  formatDuration,
  formatSize,
  GIB,
  KIB,
  MIB,
  parseDuration,
  parseSize,
  TIB,
} from '../../src/base/units.ts'
import {formatRfc3339, formatUtc} from '../../src/base/utc.ts'
import {mixWeight, xxh64, xxh64Bytes} from '../../src/base/xxhash.ts'

// The same cases in every run; new ones are for those who look for them.
fc.configureGlobal({seed: 20_261_121})

t.test('a broken invariant is a BugError that says the invariant', (t) => {
  t.doesNotThrow(() => assert(true, 'holds'))
  t.throws(() => assert(false, 'match < next'), new BugError('match < next'))
  t.equal(defined(0, 'there'), 0)
  t.throws(() => defined(undefined, 'there'), new BugError('there'))
  t.throws(() => defined(null, 'there'), new BugError('there'))
  t.throws(() => unreachable('x' as never), new BugError('unreachable case: "x"'))
  t.end()
})

t.test('an error takes status and exit code from the row of its code', (t) => {
  const why = refusal('NO_SPACE', 't1: full', {hint: 'add a disk', details: {mountpath: '/m'}})
  const error = new AisError(why, new Error('ENOSPC'))
  t.match(error, {code: 'NO_SPACE', message: 't1: full', hint: 'add a disk', status: 507, exit: 1})
  t.strictSame(error.details, {mountpath: '/m'})
  t.match(error.cause, {message: 'ENOSPC'})
  const bare = new AisError(refusal('USAGE', 'what?'))
  t.equal(bare.hint, undefined)
  t.notOk('cause' in bare)
  t.strictSame(errorRow('USAGE'), ERROR_TABLE.USAGE)
  for (const row of Object.values(ERROR_TABLE)) t.ok(row.status >= 400 && row.status < 600)
  t.end()
})

t.test('the canonical text of a value does not depend on the order of its keys', (t) => {
  t.equal(
    canonicalJson({b: [1, {d: 1n << 63n, c: null}], a: 'x', u: undefined}),
    '{"a":"x","b":[1,{"c":null,"d":9223372036854775808}]}',
  )
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const shuffled = Object.fromEntries(Object.entries(value).reverse())
      return canonicalJson(value) === canonicalJson(shuffled)
    }),
  )
  t.end()
})

t.test('a seed replays exactly, and streams of one seed are independent', (t) => {
  const draws = (seed: number, stream?: number): readonly number[] => {
    let prng = prngOf(seed, stream)
    return Array.from({length: 5}, () => {
      const [value, after] = nextU32(prng)
      prng = after
      return value
    })
  }
  t.strictSame(draws(7), draws(7))
  t.notSame(draws(7), draws(8))
  t.notSame(draws(7), draws(7, 1))
  t.notSame(draws(2 ** 40), draws(0), 'the high word of a seed counts')
  let prng = prngOf(1)
  const seen = new Set<number>()
  for (let round = 0; round < 200; round++) {
    const [ratio, afterRatio] = nextRatio(prng)
    t.ok(ratio >= 0 && ratio < 1)
    const [value, after] = nextInt(afterRatio, 3, 5)
    seen.add(value)
    prng = after
  }
  t.strictSame(
    [...seen].sort((a, b) => a - b),
    [3, 4, 5],
    'both ends of a span are drawn',
  )
  t.end()
})

t.test('64-bit numbers wrap, rotate and parse', (t) => {
  t.equal(wrapU64(U64_MAX + 2n), 1n)
  t.equal(rotateLeft64(1n << 63n, 1n), 1n)
  t.equal(parseU64('18446744073709551615'), U64_MAX)
  t.equal(parseU64('18446744073709551616'), undefined)
  t.equal(parseU64('-1'), undefined)
  t.equal(parseU64(''), undefined)
  t.end()
})

t.test('durations read and print as Go does', (t) => {
  const pairs = {
    '10s': 10_000,
    '2m': 120_000,
    '2h0m': 7_200_000,
    '1h30m': 5_400_000,
    '1h0m5s': 3_605_000,
    '100ms': 100,
    '1.5s': 1500,
    '1m1.5s': 61_500,
    '0s': 0,
    '-1s': -1000,
    '2µs': 0.002,
  }
  for (const [text, ms] of Object.entries(pairs)) {
    t.equal(formatDuration(ms), text)
    t.equal(parseDuration(text), ms)
  }
  t.equal(parseDuration('0'), 0)
  t.equal(parseDuration('5us'), 0.005)
  for (const bad of ['', '10', 's', '1x', '1s 2s']) t.equal(parseDuration(bad), undefined, bad)
  t.end()
})

t.test('sizes read in any case and print in IEC units', (t) => {
  t.equal(parseSize('64MiB'), 64 * MIB)
  t.equal(parseSize('2gb'), 2 * GIB)
  t.equal(parseSize(' 4096 '), 4096)
  t.equal(parseSize('1.5 KiB'), 1536)
  t.equal(parseSize('12parsecs'), undefined)
  t.equal(parseSize('x'), undefined)
  t.equal(formatSize(TIB), '1TiB')
  t.equal(formatSize(1536 * MIB), '1.5GiB')
  t.equal(formatSize(KIB + 1, 0), '1KiB')
  t.equal(formatSize(0), '0B')
  t.end()
})

t.test('wall times print in UTC', (t) => {
  t.equal(formatUtc(0), '1970-01-01 00:00:00')
  t.equal(formatRfc3339(1_795_260_483_680), '2026-11-21T11:28:03Z')
  fc.assert(
    fc.property(fc.integer({min: 0, max: 4e12}), (ms) => {
      return formatRfc3339(ms) === `${new Date(ms).toISOString().slice(0, 19)}Z`
    }),
  )
  t.end()
})

// Known answers, computed by three independent implementations.
t.test('XXH64 and the weight mixer give the known answers', (t) => {
  t.equal(mixWeight(4_573_842n), 5_026_071_747_115_404_967n)
  t.equal(mixWeight(0n), 1_905_207_664_160_064_169n)
  const answers: Readonly<Record<string, bigint>> = {
    '': 12_295_767_445_558_623_539n,
    't1': 14_214_570_646_889_990_061n,
    't[abc]': 4_834_423_541_500_458_427n,
    ['x'.repeat(100)]: 7_948_004_741_976_547_081n,
    'tAAAAAAA1': 14_306_125_295_403_117_766n,
    'tBBBBBBB2': 11_776_831_381_803_368_936n,
    'tCCCCCCC3': 5_615_696_967_649_588_458n,
    'tDDDDDDD4': 9_318_958_497_113_253_738n,
    'AbCdEfGh': 11_193_040_863_498_961_472n,
    'pAAAAAAA1': 6_467_636_101_249_950_160n,
    'pBBBBBBB2': 17_595_924_171_773_122_844n,
    'pCCCCCCC3': 11_398_131_964_185_369_784n,
    'pxyzt8080': 729_513_533_259_827_848n,
    'pKxAp8080': 9_415_659_758_364_458_743n,
    'pLyBp8081': 3_697_920_986_055_186_157n,
    'pMzCp8082': 16_184_532_570_341_475_831n,
    'tNaDt8083': 14_127_071_486_777_980_529n,
    'tObEt8084': 17_184_991_120_682_394_729n,
    'tPcFt8085': 9_241_566_981_830_790_054n,
    '/ais/mp1': 12_203_671_305_734_101_140n,
    '/ais/mp2': 6_549_127_387_739_109_511n,
    '/ais/mp3': 9_806_596_005_567_982_079n,
    'ais/@#/bck/obj': 7_636_710_260_493_408_699n,
    '.ais.smap': 6_913_008_205_787_533_712n,
  }
  for (const [text, digest] of Object.entries(answers)) t.equal(xxh64(text), digest, text)
  t.equal(xxh64Bytes(new TextEncoder().encode('hello'), 0n), 0x26c7827d889f6da3n)
  t.end()
})
