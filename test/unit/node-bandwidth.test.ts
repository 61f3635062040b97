/** A limit on bytes per second, with a clock by hand. */

import t from 'tap'
import {createBandwidth} from '../../src/node/move/bandwidth.ts'

t.test('over a second no more is sent than the limit allows', async (t) => {
  let now = 1000
  let rate = 1_000_000
  const bandwidth = createBandwidth(
    () => rate,
    () => now,
  )
  t.equal(bandwidth.waitMs(500_000), 0, 'the first goes at once')
  t.equal(bandwidth.waitMs(500_000), 500, 'the next waits until the first has had its time')
  t.equal(bandwidth.waitMs(1_000_000), 1000)
  now = 5000
  t.equal(bandwidth.waitMs(100_000), 0, 'what was not used is not saved up')
  t.equal(bandwidth.waitMs(100_000), 100)
  rate = 0
  t.equal(bandwidth.waitMs(1e9), 0, 'no limit')
})

t.test('whoever sends beside many others still comes again soon', (t) => {
  const now = 0
  const rate = 1024 * 1024
  const bandwidth = createBandwidth(
    () => rate,
    () => now,
  )
  t.equal(bandwidth.isLimited(), true)
  // Twelve requests of 8 MiB each, at the lowest limit: all take their pieces in turn.
  const left = Array.from({length: 12}, () => 8 * rate)
  const cameMs = left.map(() => 0)
  let longestMs = 0
  let lastMs = 0
  while (left.some((bytes) => bytes > 0)) {
    for (const [at, bytes] of left.entries()) {
      const piece = bandwidth.pieceOf(bytes)
      const goesMs = bandwidth.waitMs(piece)
      longestMs = Math.max(longestMs, goesMs - (cameMs[at] ?? 0))
      lastMs = goesMs
      cameMs[at] = goesMs
      left[at] = bytes - piece
    }
  }
  t.ok(longestMs < 2000, `${longestMs} ms`)
  t.ok(lastMs > 95_000 && lastMs <= 96_000, `${lastMs} ms in all`)
  t.end()
})

t.test('without a limit everything goes at once, and a high one makes no small pieces', (t) => {
  let rate = 0
  const bandwidth = createBandwidth(
    () => rate,
    () => 0,
  )
  t.equal(bandwidth.pieceOf(1e9), 1e9)
  t.equal(bandwidth.isLimited(), false)
  rate = 1e9
  t.equal(bandwidth.pieceOf(1e9), 1e8)
  rate = 1
  t.equal(bandwidth.pieceOf(1e9), 64 * 1024)
  t.end()
})
