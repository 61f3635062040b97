/** Bodies that can wait while others are served: flushed block by block, with rests. */

import t from 'tap'
import type {AisError} from '../../src/base/errors.ts'
import type {Calm} from '../../src/node/store/object/body-writer.ts'
import type {CrashFs} from '../helpers/crash-fs.ts'
import {createCrashFs} from '../helpers/crash-fs.ts'
import {bytesOf, keyOf, openTestStore} from '../helpers/test-store.ts'

const MIB = 1024 * 1024
const DATA = bytesOf(3 * MIB + 5, 1)

/** Writes the data; what it came to, and after how many flushes its end was reached. */
async function written(
  disk: CrashFs,
  calm: Calm,
): Promise<{readonly error: AisError | null; readonly flushes: number}> {
  const {store} = await openTestStore({fs: disk})
  const before = disk.flushes()
  return new Promise((resolve) => {
    let at = 0
    const write = store.beginWrite(keyOf('one'), [], () => feed(), {calm, blocksOnly: false})
    function feed(): void {
      while (at < DATA.byteLength) {
        const part = DATA.subarray(at, at + 64 * 1024)
        at += part.byteLength
        if (!write.body.push(part)) return
      }
      write.body.finish((error, body) => {
        if (body !== undefined) write.body.abort()
        resolve({error, flushes: disk.flushes() - before})
      })
    }
    feed()
  })
}

function calm(isWanted: () => boolean): Calm & {readonly rests: () => number} {
  let rests = 0
  return {
    isWanted,
    rests: () => rests,
    rest: (go) => {
      rests += 1
      setImmediate(go)
    },
  }
}

t.test('a body that can wait is made durable block by block, and rests', async (t) => {
  const gentle = calm(() => true)
  const found = await written(createCrashFs(['/state', '/mp0', '/mp1']), gentle)
  t.equal(found.error, null)
  t.equal(found.flushes, 4, 'each whole block, and the last piece')
  t.equal(gentle.rests(), 4)
})

t.test('with nobody to be served there is one flush at the end', async (t) => {
  const gentle = calm(() => false)
  const found = await written(createCrashFs(['/state', '/mp0', '/mp1']), gentle)
  t.equal(found.error, null)
  t.equal(found.flushes, 0)
  t.equal(gentle.rests(), 0)
})

t.test('a block that cannot be made durable fails the body', async (t) => {
  const disk = createCrashFs(['/state', '/mp0', '/mp1'])
  const failing = calm(() => {
    disk.failAfter(1, 'EIO')
    return true
  })
  const {error} = await written(disk, failing)
  t.equal(error?.code, 'IO_ERROR')
})
