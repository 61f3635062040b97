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
