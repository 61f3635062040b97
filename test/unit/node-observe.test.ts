/** What a node says of itself: lines that nobody may have to wait for, and how late it is. */

import {spawn, spawnSync} from 'node:child_process'
import {closeSync, constants, openSync, readSync} from 'node:fs'
import {once} from 'node:events'
import {join} from 'node:path'

import t from 'tap'

import {createLineWriter} from '../../src/node/observe/line-writer.ts'
import {createLoopLag} from '../../src/node/observe/loop-lag.ts'
import {forgetStartErrors, noteStartError, waitOf} from '../../src/node/observe/start-errors.ts'

const LINE_BYTES = 1000
const lineOf = (number: number): string => `${String(number).padEnd(LINE_BYTES - 1, '.')}\n`
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** What is there: a read that waits would hold up the very thread that goes on writing. */
function readNow(fd: number, buffer: Buffer): number {
  try {
    return readSync(fd, buffer)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0
    throw error
  }
}

t.test('a reader that is stuck holds nobody up, and hears what it has missed', async (t) => {
  const path = join(t.testdir(), 'pipe')
  t.equal(spawnSync('mkfifo', [path]).status, 0)
  const fd = openSync(path, 'r+')
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  t.teardown(() => [fd, reader].forEach((one) => closeSync(one)))
  const writer = createLineWriter(fd, (count) => `dropped ${count}\n`)
  const startedMs = performance.now()
  for (let number = 0; number < 2000; number += 1) writer.write(lineOf(number))
  await pause(20)
  t.ok(performance.now() - startedMs < 1000, 'the thread goes on')
  let heard = ''
  const buffer = Buffer.alloc(64 * 1024)
  for (let round = 0; round < 1000 && !heard.includes('dropped'); round += 1) {
    heard += buffer.toString('utf8', 0, readNow(reader, buffer))
    await pause(1)
  }
  const lines = heard.trimEnd().split('\n')
  const dropped = Number(/dropped (\d+)/.exec(heard)?.[1])
  const numbers = lines.filter((line) => !line.startsWith('dropped')).map(Number.parseFloat)
  t.ok(dropped > 500 && dropped < 1500, `${dropped} of 2000`)
  t.same(
    numbers,
    numbers.map((_, at) => at),
    'what was written is whole, and in order',
  )
})

t.test('a reader that is gone costs one attempt for each line, and no more', async (t) => {
  const path = join(t.testdir({file: ''}), 'file')
  const fd = openSync(path, 'r')
  t.teardown(() => closeSync(fd))
  const counts: number[] = []
  const writer = createLineWriter(fd, (count) => {
    counts.push(count)
    return `dropped ${count}\n`
  })
  for (let number = 0; number < 3; number += 1) {
    writer.write('said in vain\n')
    await pause(50)
  }
  t.same(counts, [1, 1], 'what was lost is said with the next line')
})

t.test('what was said last is written before the process ends', async (t) => {
  const url = JSON.stringify(new URL('../../src/node/observe/log.ts', import.meta.url))
  const script = `
    import {createLog} from ${url}
    const log = createLog({level: 'info', node: 'p[x]', thread: 'main'})
    for (let number = 0; number < 100; number += 1) log.info('line', {number})
    process.exit(3)
  `
  const args = ['--input-type=module', '-e', script]
  const env = {...process.env, NODE_OPTIONS: ''}
  const child = spawn(process.execPath, args, {env, stdio: ['ignore', 'pipe', 'inherit']})
  let heard = ''
  child.stdout.on('data', (data: Buffer) => (heard += data.toString('utf8')))
  const [status] = await once(child, 'close')
  t.equal(status, 3)
  const lines = heard.trimEnd().split('\n')
  const said = lines.map((line) => JSON.parse(line) as {msg: string; number: number})
  t.ok(said.every(({msg}) => msg === 'line'))
  // What was on its way to the reader when the process ended may come last.
  const numbers = said.map(({number}) => number).toSorted((a, b) => a - b)
  t.strictSame(numbers, [...Array.from({length: 100}).keys()])
})

t.test('a standstill is measured when it is over, and remembered for a while', (t) => {
  const lag = createLoopLag(100)
  t.equal(lag.tick(5000), 0, 'the first tick is late for nothing')
  t.equal(lag.tick(5103), 3)
  t.equal(lag.tick(6403), 1200)
  t.equal(lag.tick(6483), 0)
  t.equal(lag.longestMs(), 1200)
  for (let ms = 6583; ms < 40_000; ms += 100) lag.tick(ms)
  t.equal(lag.longestMs(), 1200)
  for (let ms = 40_000; ms < 80_000; ms += 100) lag.tick(ms)
  t.ok(lag.longestMs() < 100)
  t.end()
})

t.test('a node that fails to start for the same reason waits longer each time', (t) => {
  const variables = {RUNTIME_DIRECTORY: t.testdir()}
  const note = (message: string): number => noteStartError(variables, message)
  t.strictSame(
    Array.from({length: 6}, () => note('the port is in use')),
    [0, 0, 0, 1000, 2000, 4000],
  )
  t.equal(note('another reason'), 0, 'which may be gone in a moment')
  for (let time = 0; time < 4; time += 1) note('the port is in use')
  forgetStartErrors(variables)
  t.equal(note('the port is in use'), 0, 'it has run meanwhile')
  t.equal(waitOf(1000), 30_000)
  t.equal(noteStartError({}, 'without systemd'), 0)
  const file = join(t.testdir({file: ''}), 'file')
  for (let time = 0; time < 5; time += 1) {
    t.equal(noteStartError({RUNTIME_DIRECTORY: file}, 'nowhere to write'), 0)
  }
  t.end()
})
