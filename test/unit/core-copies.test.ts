/** How many copies a bucket's objects have on their target, and which of them can speak for a key. */

import t from 'tap'
import {
  COPIES_CHANGES_MAX,
  changeCopies,
  copiesNow,
  isAllCovered,
  openSegments,
  placesIn,
  segmentsOf,
  settleCopies,
  type BucketCopies,
} from '../../src/core/objects/copies.ts'
import {copiesWanted, mirrorProblem} from '../../src/model/mirror.ts'
import {placeHistory} from '../../src/core/objects/mountpath-history.ts'
import {rankByWeight, candidatesOf} from '../../src/core/placement/locate.ts'

const PATHS = ['/a', '/b', '/c']
const shape = (segments: ReturnType<typeof segmentsOf>): readonly (readonly unknown[])[] =>
  segments.map(({sinceCounter, candidates, copies}) => [
    Number(sinceCounter),
    candidates.map(({id}) => id).join(''),
    copies,
  ])

t.test('what a bucket wants is its own word, else that of the cluster', (t) => {
  const bucket = (set: Record<string, boolean | number>) => ({set})
  t.equal(copiesWanted(bucket({}), {}), 1)
  t.equal(copiesWanted(bucket({'mirror.enabled': true}), {}), 2)
  t.equal(copiesWanted(bucket({'mirror.enabled': true}), {'mirror.copies': 3}), 3)
  t.equal(copiesWanted(bucket({}), {'mirror.enabled': true, 'mirror.copies': 3}), 3)
  t.equal(copiesWanted(bucket({'mirror.enabled': false}), {'mirror.enabled': true}), 1)
  t.equal(mirrorProblem(bucket({'mirror.copies': 1}), {}), null, 'it is not on')
  t.equal(mirrorProblem(bucket({'mirror.copies': 2, 'mirror.enabled': true}), {}), null)
  const one = bucket({'mirror.copies': 1, 'mirror.enabled': true})
  t.match(mirrorProblem(one, {}), /invalid mirror.copies: 1 \(expected value in range \[2, 32\]\)/)
  t.end()
})

t.test('time is cut where the mountpaths or the copies changed', (t) => {
  const sets = placeHistory([
    {sinceCounter: 0n, paths: PATHS},
    {sinceCounter: 100n, paths: ['/b', '/c']},
    {sinceCounter: 100n, paths: ['/b'], givenUp: 1},
    {sinceCounter: 200n, paths: PATHS},
  ])
  t.strictSame(shape(segmentsOf(sets, undefined)), [
    [0, '/a/b/c', 1],
    [100, '/b/c', 1],
    [100, '/b', 1],
    [200, '/a/b/c', 1],
  ])
  const two = changeCopies(undefined, 2, 50n)
  t.equal(copiesNow(undefined), 1)
  t.equal(copiesNow(two), 2)
  t.equal(changeCopies(two, 2, 60n), two, 'no change')
  const three = changeCopies(two, 3, 250n)
  t.strictSame(shape(segmentsOf(sets, three)), [
    [0, '/a/b/c', 1],
    [50, '/a/b/c', 2],
    [100, '/b/c', 2],
    [100, '/b', 1],
    [200, '/a/b/c', 2],
    [250, '/a/b/c', 3],
  ])
  const settled = settleCopies(three, 260n)
  t.strictSame(shape(segmentsOf(sets, settled)), [[200, '/a/b/c', 3]])
  const later = placeHistory([
    {sinceCounter: 200n, paths: PATHS},
    {sinceCounter: 261n, paths: ['/a', '/b']},
  ])
  t.strictSame(
    shape(segmentsOf(later, changeCopies(settled, 1, 270n))),
    [
      [200, '/a/b/c', 3],
      [261, '/a/b', 3],
      [270, '/a/b', 1],
    ],
    'what came after the settlement counts',
  )
  t.end()
})

t.test('of many changes the lowest number of the oldest ones counts', (t) => {
  let known: BucketCopies | undefined
  for (let at = 1; at <= COPIES_CHANGES_MAX + 3; at++) {
    known = changeCopies(known, at % 2 === 0 ? 2 : 3, BigInt(at * 10))
  }
  t.equal(known?.changes.length, COPIES_CHANGES_MAX)
  t.strictSame(known?.changes[0], {sinceCounter: 10n, copies: 2})
  t.end()
})

t.test('a write goes to the first by weight, and any of them speaks for it', (t) => {
  const candidates = candidatesOf(PATHS)
  const digest = 77n
  const rank = rankByWeight(candidates, digest)
  const segment = (copies: number) => ({
    sinceCounter: 0n,
    candidates,
    copies,
    unknown: false,
  })
  t.strictSame(placesIn(segment(1), digest), rank.slice(0, 1))
  t.strictSame(placesIn(segment(2), digest), rank.slice(0, 2))
  t.strictSame(placesIn(segment(9), digest), rank)
  t.strictSame(placesIn({...segment(1), candidates: []}, digest), [])
  const segments = [segment(1), {...segment(2), sinceCounter: 50n}]
  t.equal(openSegments(segments, null).length, 2)
  t.equal(openSegments(segments, 49n).length, 2)
  t.strictSame(openSegments(segments, 50n), [segments[1]], 'newer than all of the first')
  const lost = [
    {...segment(1), unknown: true},
    {...segment(2), sinceCounter: 50n},
  ]
  t.strictSame(openSegments(lost, 50n), lost, 'the counter of before says nothing')
  const here = (path: string): boolean => path !== '/a'
  t.notOk(isAllCovered(segments, here))
  t.ok(isAllCovered(segments.slice(1), here))
  t.notOk(isAllCovered(segments.slice(1), (path) => path === '/a'))
  t.notOk(isAllCovered([segment(9)], () => false))
  t.end()
})
