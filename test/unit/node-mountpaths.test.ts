/** Mountpaths of a running store: attached, detached, enabled, disabled, emptied, checked. */

import fs from 'node:fs'
import t, {type Test} from 'tap'
import type {MountpathOrder} from '../../src/core/objects/mountpath-orders.ts'
import {createDiskCheck} from '../../src/node/store/mountpath/disk-check.ts'
import {USUAL_HEALTH, type HealthSettings} from '../../src/node/store/mountpath/health-settings.ts'
import {
  createMountpathCalls,
  type MountpathCalls,
} from '../../src/node/store/mountpath/mountpath-calls.ts'
import type {Mountpath} from '../../src/node/store/mountpath/mountpaths.ts'
import type {OpenedStore} from '../../src/node/store/open-store.ts'
import type {Resilver} from '../../src/node/store/mountpath/resilver.ts'
import type {CrashFs} from '../helpers/crash-fs.ts'
import {SURVIVALS, createCrashFs} from '../helpers/crash-fs.ts'
import {
  bytesOf,
  deleteKey,
  getBytes,
  keyOf,
  openTestStore,
  putBytes,
  resilverOf,
  type TestStoreOptions,
} from '../helpers/test-store.ts'

const MOUNTS = ['/mp0', '/mp1', '/mp2', '/state']
const KEYS = Array.from({length: 24}, (_, at) => `k${at}`)

interface Running extends OpenedStore {
  readonly resilver: Resilver
}

async function open(options: TestStoreOptions): Promise<Running> {
  const opened = await openTestStore(options)
  const resilver = resilverOf(opened)
  return {...opened, resilver}
}

function onDisk(disk: CrashFs, paths: readonly string[] = ['/mp0', '/mp1']): Promise<Running> {
  return open({fs: disk, paths})
}

function order(action: MountpathOrder['action'], path: string, resilver = true): MountpathOrder {
  return {action, path, label: '', resilver}
}

/** Follows an order and lets the resilver come to its end. */
async function follow(running: Running, ordered: MountpathOrder): Promise<void> {
  running.disks.order(ordered)
  await resilvered(running)
}

async function resilvered({resilver, store}: Running): Promise<void> {
  const untilMs = performance.now() + 20_000
  while (performance.now() < untilMs) {
    resilver.look()
    if (store.isResilvered() && resilver.job()?.endedMs !== null) return
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  throw new Error(`no end: ${JSON.stringify(resilver.job())}`)
}

function filesOn(disk: CrashFs, path: string): readonly string[] {
  return disk.files(`${path}/b`)
}

async function allThere(t: Test, {store}: Running, length: number): Promise<void> {
  for (const [at, key] of KEYS.entries()) {
    const found = await getBytes(store, key)
    t.ok(Buffer.isBuffer(found) && found.equals(bytesOf(length, at)), `${key} is there`)
  }
}

async function fill({store}: Running, length: number): Promise<void> {
  await Promise.all(KEYS.map((key, at) => putBytes(store, key, bytesOf(length, at))))
}

t.test('an attached mountpath takes its share of what was there, and keeps it', async (t) => {
  const disk = createCrashFs(MOUNTS)
  const running = await onDisk(disk)
  await fill(running, 100)
  t.ok(running.disks.order(order('attach', '/mp2')))
  t.notOk(running.disks.order(order('attach', '/mp2')), 'once is enough')
  await allThere(t, running, 100)
  await resilvered(running)
  t.ok(filesOn(disk, '/mp2').length > 0)
  t.equal(
    ['/mp0', '/mp1', '/mp2'].flatMap((path) => filesOn(disk, path)).length,
    KEYS.length,
    'each lies in one place',
  )
  await allThere(t, running, 100)
  const after = await onDisk(disk.crash('synced'))
  t.strictSame(
    after.disks.states().map(({path, state}) => `${path} ${state}`),
    ['/mp0 available', '/mp1 available', '/mp2 available'],
    'a restart knows of it though the file of the node does not',
  )
  await allThere(t, after, 100)
})

t.test('a detached mountpath is emptied first, tombstones too', async (t) => {
  const disk = createCrashFs(MOUNTS)
  const running = await onDisk(disk)
  await fill(running, 100)
  await deleteKey(running.store, 'gone')
  running.disks.order(order('detach', '/mp1'))
  t.equal(running.disks.states()[1]?.state, 'waiting')
  const before = filesOn(disk, '/mp1').length
  t.ok(before > 0)
  await putBytes(running.store, 'new', bytesOf(10, 1))
  t.notOk(
    filesOn(disk, '/mp1').some((file) => file.endsWith('/new')),
    'it takes no new writes',
  )
  await resilvered(running)
  t.strictSame(filesOn(disk, '/mp1'), [])
  t.strictSame(running.disks.states().length, 1)
  await allThere(t, running, 100)
  t.equal(await getBytes(running.store, 'gone'), 'tombstone')
  const after = await onDisk(disk.crash('synced'))
  t.strictSame(
    after.disks.states().map(({path}) => path),
    ['/mp0'],
  )
  await allThere(t, after, 100)
  t.ok(after.disks.order(order('attach', '/mp1')), 'its own directory may come back')
  await resilvered(after)
  await allThere(t, after, 100)
})

t.test('what was collected from an emptied mountpath is not back after a power cut', async (t) => {
  const disk = createCrashFs(MOUNTS)
  const running = await onDisk(disk)
  await fill(running, 100)
  const there = KEYS.find((key) => filesOn(disk, '/mp1').some((file) => file.endsWith(`/${key}`)))
  const name = there ?? ''
  const {gen} = await deleteKey(running.store, name)
  await new Promise<void>((resolve, reject) => {
    running.store.discard({key: keyOf(name), gen, allowed: () => true}, (error) =>
      error === null ? resolve() : reject(error),
    )
  })
  await follow(running, order('detach', '/mp1'))
  const after = await onDisk(disk.crash('synced'))
  t.ok(after.disks.order(order('attach', '/mp1')), 'it is as empty as it was')
})

t.test('a mountpath that was emptied and disabled stands in nobody’s way', async (t) => {
  const disk = createCrashFs(MOUNTS)
  const running = await onDisk(disk)
  await fill(running, 100)
  await follow(running, order('disable', '/mp1'))
  const after = await onDisk(disk.crash('synced'))
  for (const one of [running, after]) {
    t.match(one.disks.states()[1], {state: 'disabled', fault: undefined})
    t.strictSame(one.store.missing(), [])
    t.strictSame(
      one.disks.used.map(({path}) => path),
      ['/mp0'],
    )
    t.strictSame(one.disks.missing, [])
  }
  const {gen} = await deleteKey(after.store, 'k1')
  const removed = await new Promise<boolean>((resolve) => {
    const whole = {key: keyOf('k1'), gen, allowed: () => true}
    after.store.discard(whole, (_error, done) => resolve(done))
  })
  t.ok(removed)
  await follow(after, order('enable', '/mp1'))
  t.equal(after.disks.used.length, 2)
})

t.test('a disk that comes back is not believed: overwritten and deleted stays so', async (t) => {
  const disk = createCrashFs(MOUNTS)
  const running = await onDisk(disk)
  await fill(running, 100)
  running.disks.order(order('disable', '/mp1', false))
  const found = await Promise.all(KEYS.map((key) => getBytes(running.store, key)))
  const away = KEYS.filter((_, at) => found[at] === 'unsure')
  t.ok(away.length > 2, 'what lies there alone is unsure, never missing')
  const [over = '', dead = ''] = away
  await putBytes(running.store, over, bytesOf(50, 50))
  await deleteKey(running.store, dead)
  const later = disk.crash('synced')
  const again = await onDisk(later)
  t.equal(again.disks.states()[1]?.state, 'disabled', 'a restart does not enable it')
  again.disks.order(order('enable', '/mp1'))
  const look = async (when: string): Promise<void> => {
    t.ok(bytesOf(50, 50).equals((await getBytes(again.store, over)) as Buffer), `${over} ${when}`)
    t.equal(await getBytes(again.store, dead), 'tombstone', `${dead} ${when}`)
  }
  await look('at once')
  await resilvered(again)
  await look('when all is where it belongs')
  const all = [...filesOn(later, '/mp0'), ...filesOn(later, '/mp1')]
  t.equal(new Set(all.map((file) => file.slice(5))).size, all.length, 'older copies are gone')
})

t.test('a detach goes on after a crash at any moment, and loses nothing', async (t) => {
  for (let stop = 1; stop < 400; stop += 13) {
    const disk = createCrashFs(MOUNTS)
    const running = await onDisk(disk)
    await fill(running, 40)
    disk.stopAfter(stop)
    try {
      running.disks.order(order('detach', '/mp1'))
    } catch (error) {
      t.match(error, {code: 'ESTOPPED'})
    }
    for (let turn = 0; turn < 300 && !disk.stopped(); turn++) {
      running.resilver.look()
      await new Promise((resolve) => setImmediate(resolve))
    }
    running.resilver.stop()
    for (const survival of SURVIVALS) {
      const after = await onDisk(disk.crash(survival))
      for (const [at, key] of KEYS.entries()) {
        const found = await getBytes(after.store, key)
        if (!Buffer.isBuffer(found) || !found.equals(bytesOf(40, at))) {
          t.fail(`${key}: stopped at ${stop}, survived ${survival}: ${String(found)}`)
        }
      }
    }
    const after = await onDisk(disk.crash('synced'))
    await resilvered(after)
    await allThere(t, after, 40)
  }
})

t.test('what is given up is given up by two orders, and never believed again', async (t) => {
  const disk = createCrashFs(MOUNTS)
  const running = await onDisk(disk)
  await fill(running, 100)
  t.throws(() => running.disks.order(order('detach', '/mp1', false)), {code: 'REFUSED'})
  running.disks.order(order('disable', '/mp1', false))
  t.throws(() => running.disks.order(order('detach', '/mp1')), {code: 'REFUSED'})
  t.ok(running.store.missing().length === 1)
  await follow(running, order('detach', '/mp1', false))
  t.strictSame(running.store.missing(), [])
  const found = await Promise.all(KEYS.map((key) => getBytes(running.store, key)))
  t.ok(found.includes('none'), 'it is gone, and said to be')
  t.throws(() => running.disks.order(order('attach', '/mp1')), {message: /given up/})
})

t.test(
  'an empty disk in the place of a broken one is taken where disks are told apart',
  async (t) => {
    const disk = createCrashFs(MOUNTS)
    const running = await onDisk(disk)
    await fill(running, 100)
    running.disks.order(order('disable', '/mp1', false))
    await fill(running, 50)
    // The mark is what tells one disk from another.
    disk.unlink('/mp1/.aisnode/mountpath.json')
    for (const path of disk.files('/mp1')) disk.unlink(path)
    for (const folder of ['/mp1/b']) removeFolders(disk, folder)
    await follow(running, order('enable', '/mp1'))
    t.equal(running.disks.states()[1]?.state, 'available')
    t.ok(filesOn(disk, '/mp1').length > 0, 'it has its share again')
    await allThere(t, running, 50)
  },
)

function removeFolders(disk: CrashFs, path: string): void {
  for (const {name, kind} of disk.list(path)) {
    if (kind === 'directory') removeFolders(disk, `${path}/${name}`)
  }
  disk.rmdir(path)
}

t.test('an empty directory that is no mount point gives nothing up by itself', async (t) => {
  const root = t.testdir({state: {}, a: {}, b: {}, c: {}})
  const paths = [`${root}/a`, `${root}/b`]
  const options = {stateDirectory: `${root}/state`, paths, shared: true}
  const running = await open(options)
  await fill(running, 100)
  const [, b = ''] = paths
  running.disks.order(order('disable', b, false))
  fs.renameSync(b, `${root}/old`)
  t.throws(() => running.disks.order(order('enable', b)), {message: /no such directory/})
  fs.mkdirSync(b)
  t.throws(() => running.disks.order(order('enable', b)), {message: /missing or was replaced/})
  fs.rmdirSync(b)
  fs.renameSync(`${root}/old`, b)
  await follow(running, order('enable', b))
  await allThere(t, running, 100)
  running.disks.order(order('disable', b, false))
  fs.renameSync(b, `${root}/old`)
  fs.cpSync(`${root}/a`, b, {recursive: true})
  t.throws(() => running.disks.order(order('enable', b)), {message: /mounted at .*a before/})
  await follow(running, order('detach', b, false))
  t.throws(() => running.disks.order(order('attach', `${root}/old`)), {message: /given up/})
  fs.writeFileSync(`${root}/c/file`, 'x')
  t.throws(() => running.disks.order(order('attach', `${root}/c`)), {message: /not empty/})
  running.resilver.stop()
  running.store.stop()
})

/** '' for a descriptor that was closed meanwhile. */
function pathBehind(fd: string): string {
  try {
    return fs.readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return ''
  }
}

t.test('a disk that fails while it is written to can be unmounted', async (t) => {
  const root = t.testdir({state: {}, a: {}})
  const running = await open({stateDirectory: `${root}/state`, paths: [`${root}/a`], shared: true})
  const {body} = running.store.beginWrite(keyOf('big'), ['xxhash2'], () => undefined)
  body.push(bytesOf(3 * 1024 * 1024, 1))
  const [mountpath] = running.disks.used
  mountpath?.calls.disable('EIO')
  body.abort()
  const openBelow = (): string[] =>
    fs.readdirSync('/proc/self/fd').flatMap((fd) => {
      const path = pathBehind(fd)
      return path.startsWith(`${root}/a`) ? [path] : []
    })
  for (let at = 0; at < 200 && openBelow().length > 0; at += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  t.strictSame(openBelow(), [])
  running.resilver.stop()
  running.store.stop()
})

t.test('all mountpaths are disabled by order, though the first was to be emptied', async (t) => {
  const running = await onDisk(createCrashFs(MOUNTS))
  await fill(running, 100)
  running.disks.order(order('disable', '/mp0'))
  running.disks.order(order('disable', '/mp1'))
  t.strictSame(
    running.disks.states().map(({state}) => state),
    ['disabled', 'disabled'],
  )
  running.disks.order(order('enable', '/mp0'))
  await follow(running, order('enable', '/mp1'))
  await allThere(t, running, 100)
  running.resilver.stop()
  running.store.stop()
})

t.test('without any mountpath nothing is answered, and all is there afterwards', async (t) => {
  const disk = createCrashFs(MOUNTS)
  const running = await onDisk(disk)
  await fill(running, 100)
  for (const path of ['/mp0', '/mp1']) running.disks.order(order('disable', path, false))
  t.equal(await getBytes(running.store, 'k1'), 'unsure')
  await t.rejects(putBytes(running.store, 'k1', bytesOf(5, 5)), {code: 'NOT_READY'})
  await t.rejects(deleteKey(running.store, 'k1'), {code: 'NOT_READY'})
  const again = await onDisk(disk.crash('synced'))
  for (const path of ['/mp0', '/mp1']) again.disks.order(order('enable', path))
  await resilvered(again)
  await allThere(t, again, 100)
})

t.test('a mountpath that is away keeps a resilver from ending, and is named', async (t) => {
  const disk = createCrashFs(MOUNTS)
  const running = await onDisk(disk)
  await fill(running, 100)
  running.disks.order(order('disable', '/mp1', false))
  running.disks.order(order('attach', '/mp2'))
  for (let turn = 0; turn < 200; turn++) {
    running.resilver.look()
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.match(running.resilver.job(), {state: 'failing', problem: /\/mp1/, endedMs: null})
  t.ok(running.history.sets().length > 1)
  await follow(running, order('enable', '/mp1'))
  t.match(running.resilver.job(), {state: 'finished', problem: ''})
  t.equal(running.history.sets().length, 1)
  await allThere(t, running, 100)
})

interface Probe {
  readonly path: string
  readonly done: (error: Error | null) => void
}

function looked(): {
  suspect: (why: string) => void
  check: () => void
  settings: {-readonly [K in keyof HealthSettings]: HealthSettings[K]}
  calls: MountpathCalls
  probes: Probe[]
  disabled: string[]
  pass: (ms: number) => void
  device: {completed: number | null}
} {
  const probes: Probe[] = []
  const disabled: string[] = []
  const device = {completed: null as number | null}
  const settings = {...USUAL_HEALTH}
  let timers: {readonly atMs: number; readonly act: () => void}[] = []
  let nowMs = 0
  const told = {
    disabled: (why: string) => void disabled.push(why),
    suspect: () => undefined,
  }
  const calls = createMountpathCalls(
    '/mp',
    () => nowMs,
    told,
    () => settings,
  )
  const root = {dev: 1, ino: 2}
  const port = {
    probe: (path: string, done: Probe['done']) => probes.push({path, done}),
    completed: () => device.completed,
    stat: () => root,
  }
  const mountpath = {path: '/mp', pinned: '/pin', calls, port, root} as unknown as Mountpath
  const health = createDiskCheck({
    mountpathAt: () => mountpath,
    settings: () => settings,
    after: (ms, act) => {
      const timer = {atMs: nowMs + ms, act}
      timers.push(timer)
      return () => {
        timers = timers.filter((one) => one !== timer)
      }
    },
    warn: () => undefined,
  })
  return {
    suspect: (why) => health.suspect('/mp', why),
    check: () => health.check('/mp'),
    settings,
    calls,
    probes,
    disabled,
    device,
    pass: (ms) => {
      nowMs += ms
      const due = timers.filter(({atMs}) => atMs <= nowMs)
      timers = timers.filter(({atMs}) => atMs > nowMs)
      for (const {act} of due) act()
    },
  }
}

t.test('a probe that fails twice disables, one that succeeds does not', (t) => {
  const one = looked()
  one.suspect('EIO')
  one.suspect('EIO')
  t.equal(one.probes.length, 1, 'one look at a time')
  one.probes[0]?.done(new Error('EIO: write'))
  one.probes[1]?.done(null)
  t.strictSame(one.disabled, [])
  one.suspect('EIO')
  t.equal(one.probes.length, 2, 'not again at once')
  one.pass(1_000)
  one.suspect('EROFS')
  one.probes[2]?.done(new Error('EROFS: open'))
  one.probes[3]?.done(new Error('EROFS: open'))
  t.strictSame(one.disabled, ['EROFS; a check failed: EROFS: open'])
  t.end()
})

t.test('suspicions are not followed when that is switched off, questions are', (t) => {
  const one = looked()
  one.settings.isEnabled = false
  one.suspect('EIO')
  t.equal(one.probes.length, 0)
  one.check()
  t.equal(one.probes.length, 1)
  t.end()
})

t.test('how many checks and errors disable a mountpath is a setting', (t) => {
  const one = looked()
  one.settings.failedChecks = 1
  one.suspect('EIO')
  one.probes[0]?.done(new Error('EIO: write'))
  t.strictSame(one.disabled, ['EIO; a check failed: EIO: write'])
  const other = looked()
  Object.assign(other.settings, {failures: 3, withinMs: 1000})
  const fail = (): void => other.calls.note(Object.assign(new Error('EIO'), {code: 'EIO'}))
  fail()
  fail()
  other.pass(1000)
  fail()
  fail()
  t.strictSame(other.disabled, [], 'not within so much time')
  fail()
  t.strictSame(other.disabled, ['EIO: 3 failures within 1 s'])
  t.end()
})

t.test('a full disk is no broken one', (t) => {
  const one = looked()
  one.suspect('a call has not returned for 3 s')
  one.probes[0]?.done(Object.assign(new Error('full'), {code: 'ENOSPC'}))
  t.strictSame(one.disabled, [])
  t.end()
})

t.test('a disk that hangs is disabled after five seconds more, one that works is not', (t) => {
  const one = looked()
  one.device.completed = 10
  one.suspect('a call has not returned for 3 s')
  one.device.completed = 11
  one.pass(5_000)
  t.strictSame(one.disabled, [], 'it completes requests')
  one.pass(5_000)
  t.match(one.disabled, [/^it hangs: a call has not returned for 3 s; a check .* for 10 s$/])
  const other = looked()
  other.suspect('EIO')
  other.pass(5_000)
  t.match(other.disabled, [/it hangs/])
  t.end()
})

t.test('a resilver that a disk overtook which went and came back begins again', async (t) => {
  const running = await onDisk(createCrashFs(MOUNTS))
  for (const name of KEYS) await putBytes(running.store, name, bytesOf(10, 1))
  running.disks.order(order('disable', '/mp1', false))
  running.disks.order(order('enable', '/mp1'))
  running.resilver.look()
  running.disks.used.find(({path}) => path === '/mp1')?.calls.disable('it failed')
  await new Promise((resolve) => setTimeout(resolve, 50))
  t.equal(running.resilver.job()?.endedMs, null, 'overtaken, not finished')
  running.disks.order(order('enable', '/mp1'))
  await resilvered(running)
  t.equal(running.store.isResilvered(), true)
  running.store.stop()
})
