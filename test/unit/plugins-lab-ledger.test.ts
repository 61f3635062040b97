/**
 * The ledger that lab scenarios judge by: it has to catch what it is there for, and nothing else.
 */

import t from 'tap'
import {type Attempt, Ledger} from '../lab/stage/ledger.ts'

/** Tries of one key, as [who, content, start, end, outcome]. */
function ledgerOf(
  ...tries: readonly (readonly [string, string | null, number, number, Attempt['outcome']])[]
): Ledger {
  const ledger = new Ledger()
  for (const [by, content, startMs, endMs, outcome] of tries) {
    ledger.note({by, key: 'k', content, startMs, endMs, outcome})
  }
  return ledger
}

t.test('the last acknowledged content is the only one that may be read', (t) => {
  const ledger = ledgerOf(['a', 'one', 0, 1, 'acknowledged'], ['a', 'two', 2, 3, 'acknowledged'])
  t.ok(ledger.allows('k', 'two'))
  t.notOk(ledger.allows('k', 'one'), 'an old content is back')
  t.notOk(ledger.allows('k', null), 'a key is lost')
  t.ok(ledger.mustExist('k'))
  t.notOk(ledger.mustBeGone('k'))
  t.end()
})

t.test('of two that overlapped either may be last', (t) => {
  const ledger = ledgerOf(['a', 'one', 0, 5, 'acknowledged'], ['b', 'two', 4, 6, 'acknowledged'])
  t.ok(ledger.allows('k', 'one') && ledger.allows('k', 'two'))
  t.end()
})

t.test('a try without an answer may count at any later time, a refused one never', (t) => {
  const ledger = ledgerOf(
    ['a', 'maybe', 0, 1, 'unknown'],
    ['a', 'sure', 2, 3, 'acknowledged'],
    ['a', 'no', 4, 5, 'refused'],
  )
  t.ok(ledger.allows('k', 'maybe') && ledger.allows('k', 'sure'))
  t.notOk(ledger.allows('k', 'no'))
  t.end()
})

t.test('what was deleted stays deleted', (t) => {
  const ledger = ledgerOf(['a', 'one', 0, 1, 'acknowledged'], ['a', null, 2, 3, 'acknowledged'])
  t.ok(ledger.allows('k', null) && ledger.mustBeGone('k'))
  t.notOk(ledger.allows('k', 'one'), 'a deleted object is back')
  t.notOk(ledger.mustExist('k'))
  t.ok(ledgerOf(['a', 'one', 0, 1, 'unknown']).allows('k', null), 'never acknowledged')
  t.end()
})

t.test('a read is judged by what was known when it was made', (t) => {
  const ledger = ledgerOf(
    ['a', 'one', 0, 1, 'acknowledged'],
    ['a', 'two', 4, 6, 'acknowledged'],
    ['a', null, 10, 11, 'acknowledged'],
  )
  t.strictSame(ledger.possible('k', 2, 3), ['one'], 'a lost read')
  t.strictSame(ledger.possible('k', 5, 7), ['one', 'two'], 'beside the second write')
  t.strictSame(ledger.possible('k', 7, 8), ['two'], 'the old content is a lie now')
  t.strictSame(ledger.possible('k', 7, 12), ['two', null], 'a delete is under way')
  t.strictSame(ledger.possible('k', 12, 13), [null])
  t.strictSame(ledger.possible('other', 2, 3), [null], 'nobody wrote it')
  t.ok(ledger.everHad('k', 'one') && !ledger.everHad('k', 'three'))
  t.end()
})

t.test('a key that passes to the other side once is right, one that comes back is not', (t) => {
  const passes = ledgerOf(['a', '1', 0, 1, 'acknowledged'], ['b', '2', 2, 3, 'acknowledged'])
  t.strictSame(passes.turnedBack(0, 9), [])
  const returns = ledgerOf(
    ['a', '1', 0, 1, 'acknowledged'],
    ['b', '2', 2, 3, 'acknowledged'],
    ['a', '3', 4, 5, 'acknowledged'],
  )
  t.strictSame(returns.turnedBack(0, 9), ['k'])
  t.strictSame(returns.turnedBack(2, 9), [], 'before the split all is open')
  t.end()
})

t.test('a name that two got is taken twice', (t) => {
  const twice = ledgerOf(['a', 'x', 0, 1, 'acknowledged'], ['b', 'x', 0, 1, 'acknowledged'])
  t.strictSame(twice.takenTwice(), ['k'])
  t.strictSame(
    ledgerOf(['a', 'x', 0, 1, 'acknowledged'], ['b', 'x', 0, 1, 'refused']).takenTwice(),
    [],
  )
  t.end()
})

t.test('the longest gap counts from the fault and to the end', (t) => {
  const ledger = ledgerOf(['a', '1', 0, 10, 'acknowledged'], ['a', '2', 0, 14, 'acknowledged'])
  t.equal(ledger.longestGapMs('a', 5, 20), 6)
  t.equal(ledger.longestGapMs('b', 5, 20), 15)
  t.equal(ledger.acknowledged(12), 1)
  t.end()
})
