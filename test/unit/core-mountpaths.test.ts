/** Mountpaths as decisions: orders about them, sets that are given up or verified, the resilver. */

import t from 'tap'
import {
  extendHistory,
  forgetPath,
  placeHistory,
  verifiedHistory,
} from '../../src/core/objects/mountpath-history.ts'
import type {
  KnownMountpath,
  MountpathAction,
  OrderVerdict,
} from '../../src/core/objects/mountpath-orders.ts'
import {judgeOrder} from '../../src/core/objects/mountpath-orders.ts'
import {
  isToBePlaced,
  needsResilver,
  resilverAgainMs,
  resilverVerdict,
} from '../../src/core/objects/resilver.ts'

const HERE: Omit<KnownMountpath, 'path'> = {
  state: 'available',
  mayHold: true,
  usedBytes: 100,
  availableBytes: 1000,
}

function known(path: string, more: Partial<KnownMountpath> = {}): KnownMountpath {
  return {path, ...HERE, ...more}
}

const [A, B] = [known('/a'), known('/b')]

function judge(
  action: MountpathAction,
  path: string,
  all: readonly KnownMountpath[],
  resilver = true,
): OrderVerdict {
  return judgeOrder({action, path, label: '', resilver}, all)
}

t.test('a path that is attached is absolute, clean, and neither in nor around another', (t) => {
  t.strictSame(judge('attach', '/c', [A, B]), {type: 'open'})
  t.strictSame(judge('attach', '/a', [A, B]), {type: 'nothing'})
  t.strictSame(judge('attach', '/a', [known('/a', {state: 'leaving'})]), {type: 'stay'})
  t.match(judge('attach', '/a', [known('/a', {state: 'disabled'}), B]), {
    type: 'refused',
    refusal: {code: 'REFUSED', hint: /enable NODE=\/a/},
  })
  const long = `/${'x'.repeat(300)}`
  for (const path of ['a', '/', '/c/', '/c//d', '/c/../d', '/c/.', '/c\n', long]) {
    t.match(judge('attach', path, [A]), {type: 'refused', refusal: {code: 'BAD_REQUEST'}}, path)
  }
  for (const path of ['/a/below', '/b']) {
    const all = [A, known('/b/deep')]
    t.match(judge('attach', path, all), {refusal: {message: /nested/}}, path)
  }
  t.end()
})

t.test('what is not there is not found, what is so already is left alone', (t) => {
  for (const action of ['detach', 'enable', 'disable'] as const) {
    t.match(judge(action, '/c', [A]), {refusal: {code: 'MOUNTPATH_NOT_FOUND'}}, action)
  }
  const off = known('/b', {state: 'disabled'})
  t.strictSame(judge('enable', '/a', [A, B]), {type: 'nothing'})
  t.strictSame(judge('enable', '/b', [A, off]), {type: 'open'})
  t.strictSame(judge('enable', '/b', [A, known('/b', {state: 'leaving'})]), {type: 'stay'})
  t.strictSame(judge('disable', '/b', [A, off]), {type: 'nothing'})
  t.end()
})

t.test('a mountpath is emptied before it is disabled, where there is room', (t) => {
  t.strictSame(judge('disable', '/b', [A, B]), {type: 'empty', goal: 'disable'})
  t.strictSame(judge('disable', '/b', [A, B], false), {type: 'disable'})
  t.strictSame(judge('disable', '/b', [B]), {type: 'disable'}, 'there is nowhere to move to')
  t.strictSame(judge('disable', '/b', [A, known('/b', {mayHold: false})]), {type: 'disable'})
  const full = known('/a', {availableBytes: 99})
  t.match(judge('disable', '/b', [full, B]), {
    refusal: {code: 'NO_SPACE', message: /\/b holds 100 bytes; \/a would get 100/},
  })
  t.strictSame(
    judge('disable', '/b', [full, known('/c', {availableBytes: 99}), B]),
    {type: 'empty', goal: 'disable'},
    'two share it',
  )
  t.end()
})

t.test('nothing that is held is given up but by two orders', (t) => {
  t.strictSame(judge('detach', '/b', [A, B]), {type: 'empty', goal: 'detach'})
  t.match(judge('detach', '/b', [A, B], false), {refusal: {hint: /disable it first/}})
  const off = known('/b', {state: 'disabled'})
  t.match(judge('detach', '/b', [A, off]), {refusal: {hint: /--no-resilver/}})
  t.strictSame(judge('detach', '/b', [A, off], false), {type: 'detach', givesUp: true})
  const empty = known('/b', {state: 'disabled', mayHold: false})
  t.strictSame(judge('detach', '/b', [A, empty]), {type: 'detach', givesUp: false})
  t.match(judge('detach', '/b', [B]), {refusal: {message: /only mountpath/}})
  const away = known('/a', {state: 'disabled'})
  t.match(judge('detach', '/b', [away, B]), {refusal: {message: /no other mountpath takes/}})
  const full = known('/a', {availableBytes: 1})
  t.match(judge('detach', '/b', [full, B]), {refusal: {code: 'NO_SPACE'}})
  t.end()
})

t.test('a verified history is its newest set; what is given up is in no set', (t) => {
  const first = extendHistory([], ['/a', '/b'], 1n)
  const second = extendHistory(first, ['/a'], 10n)
  t.equal(verifiedHistory(first), first)
  t.strictSame(verifiedHistory([]), [])
  t.strictSame(verifiedHistory(second), [{sinceCounter: 10n, paths: ['/a']}])
  t.equal(forgetPath(second, '/c'), second)
  const forgotten = forgetPath(second, '/b')
  t.strictSame(forgotten, [{sinceCounter: 1n, paths: ['/a'], givenUp: 1}, second[1]])
  t.strictSame(
    placeHistory(forgotten).map(({givenUp}) => givenUp),
    [1, 0],
  )
  t.strictSame(forgetPath(forgotten, '/a'), [], 'a set of which nothing is left goes')
  const alone = forgetPath(first, '/b')
  t.strictSame(verifiedHistory(alone), [{sinceCounter: 1n, paths: ['/a']}])
  t.end()
})

t.test('a resilver ends with a whole walk that changed, failed at and missed nothing', (t) => {
  const none = {changed: 0, failed: 0, unseen: 0}
  t.equal(resilverVerdict(none), 'clean')
  t.equal(resilverVerdict({...none, changed: 1}), 'again')
  t.equal(resilverVerdict({...none, failed: 1}), 'failing')
  t.equal(resilverVerdict({...none, changed: 1, unseen: 1}), 'failing')
  t.notOk(needsResilver(1, 0))
  t.ok(needsResilver(2, 0))
  t.ok(needsResilver(1, 1))
  t.strictSame([0, 1, 2, 40].map(resilverAgainMs), [0, 1000, 2000, 60_000])
  t.end()
})

t.test('a file is looked at where it does not belong, and where it speaks for its copies', (t) => {
  const never = (): boolean => {
    throw new Error('nobody asks')
  }
  t.notOk(isToBePlaced('/a', ['/a'], never))
  t.ok(isToBePlaced('/b', ['/a'], never))
  t.ok(isToBePlaced('/b', [], never))
  t.ok(isToBePlaced('/a', ['/a', '/b'], never))
  t.notOk(isToBePlaced('/b', ['/a', '/b'], () => true))
  t.ok(isToBePlaced('/b', ['/a', '/b'], () => false))
  t.end()
})
