/** Orders about mountpaths, from an operator's client through a gateway to the target. */

import t from 'tap'
import {AisError} from '../../src/base/errors.ts'
import {openCluster} from '../../src/client/cluster.ts'
import type {NodeId} from '../../src/model/ids.ts'
import type {DiskState} from '../../src/node/store/mountpath/disks.ts'
import type {
  MountpathControl,
  MountpathRequest,
} from '../../src/node/store/mountpath/mountpath-control.ts'
import type {ResilverJob} from '../../src/node/store/mountpath/resilver.ts'
import {encodeAction} from '../../src/wire/action.ts'
import {createDiskCell, diskWithin, watchDisks} from '../../src/node/threads/disk-cell.ts'
import {watchedFs} from '../../src/node/store/fs/watched-fs.ts'
import {createCrashFs} from '../helpers/crash-fs.ts'
import {HOST, freePort, gatewayOf, http, member} from '../helpers/gateway.ts'

const TARGET = 'tTarget01' as NodeId
const JOB: ResilverJob = {
  id: 'r1',
  beganMs: 1000,
  endedMs: null,
  state: 'failing',
  objects: 2,
  bytes: 20,
  problem: '/b: EIO',
}

t.test(
  'an order goes through any gateway to the target, and says what has become of it',
  async (t) => {
    const port = await freePort()
    const nodes = [member('pGateway1', 'proxy', 52100), member(TARGET, 'target', port)]
    const heard: MountpathRequest[] = []
    let waits = 1
    const control: MountpathControl = {
      follow: (request) => {
        heard.push(request)
        if (request.path === '/full') throw new AisError({code: 'NO_SPACE', message: 'no room'})
        return request.path !== '/same'
      },
      resilver: () => JOB,
      stop: () => undefined,
    }
    const disk = {label: '', disks: []}
    const states = (): readonly DiskState[] => [
      {...disk, path: '/', state: waits-- > 0 ? 'waiting' : 'available', why: ''},
      {...disk, path: '/b', state: 'disabled', why: 'EIO', fault: true},
    ]
    await gatewayOf(t, nodes, {
      id: TARGET,
      role: 'target',
      port,
      mountpathControl: control,
      mountpaths: states,
    })
    const gateway = await gatewayOf(t, nodes)
    const {mountpaths} = openCluster({endpoints: [`http://${HOST}:${gateway.to.port}`]})
    const order = {verb: 'disable', path: '/a', label: '', resilver: false} as const
    t.ok(await mountpaths.order(TARGET, order))
    t.notOk(await mountpaths.order(TARGET, {...order, path: '/same'}))
    t.strictSame(heard[0], order)
    await t.rejects(mountpaths.order(TARGET, {...order, path: '/full'}), {code: 'NO_SPACE'})
    await t.rejects(mountpaths.order('tNobody01', order), {code: 'NODE_NOT_FOUND'})
    await t.rejects(mountpaths.order('pGateway1', order), {message: /no mountpaths/})
    t.match(await mountpaths.emptied(TARGET, '/', 10_000), {
      available: ['/'],
      waiting: [],
      disabled: ['/b'],
      why: {'/b': 'EIO'},
    })
    waits = 1
    await t.rejects(mountpaths.emptied(TARGET, '/', -1), {code: 'TIMED_OUT'})
    t.match(await mountpaths.resilver(TARGET), {id: 'r1', problem: '/b: EIO', endedMs: null})
    const headers = {'ais-node-id': TARGET}
    const body = encodeAction({action: 'rescan-mp', value: '/a'})
    const rescan = await http(gateway.to, 'POST', '/v1/reverse/daemon/mountpaths', {body, headers})
    t.equal(rescan.status, 200)
    t.equal(heard.at(-1)?.verb, 'rescan')
    const health = await http({host: HOST, port}, 'GET', '/v1/health?cii=true')
    const {flags} = JSON.parse(health.body) as {flags: number}
    t.equal(flags & (1 << 5), 1 << 5, 'resilvering')
    t.equal(flags & (1 << 13), 1 << 13, 'disk fault')
    const ask = async (what: string, query: object): Promise<string> =>
      (
        await http(gateway.to, 'GET', `/v1/cluster?what=${what}`, {
          body: JSON.stringify(query),
        })
      ).body
    t.match(await ask('qryxstats', {kind: 'resilver'}), /"id":"r1","kind":"resilver"/)
    t.match(await ask('status', {kind: 'resilver'}), /"uuid":"r1","err":"\/b: EIO"/)
    t.match(await ask('running_all', {}), /resilver\[r1\]/)
    t.match(await ask('status_all', {}), /"kind":"resilver"/)
    t.notMatch(await ask('qryxstats', {kind: 'rebalance'}), /resilver/)
  },
)

t.test('a call on a disk that does not come back is seen from another thread', (t) => {
  const cell = createDiskCell()
  const stuck: string[] = []
  let completed = 0
  let isCounted = false
  const watch = watchDisks(
    cell,
    (path, forMs) => stuck.push(`${path} ${forMs}`),
    () => (isCounted ? completed : null),
  )
  const within = diskWithin(cell)
  const lookUntil = (fromMs: number, toMs: number): void => {
    for (let nowMs = fromMs; nowMs <= toMs; nowMs += 1000) watch.look(nowMs)
  }
  lookUntil(0, 20_000)
  within('/mp1')(() => undefined)
  lookUntil(21_000, 40_000)
  t.strictSame(stuck, [], 'nothing is called')
  within('/mp2')(() => {
    within('/mp1')(() => undefined)
    lookUntil(41_000, 48_000)
    t.strictSame(stuck, [], 'not yet')
    lookUntil(100_000, 107_000)
    t.strictSame(stuck, [], 'the time that a frozen process slept is not the disk’s')
    lookUntil(108_000, 108_000)
    t.strictSame(stuck, ['/mp2 8000'])
  })
  stuck.length = 0
  isCounted = true
  within('/mp1')(() => {
    for (let nowMs = 200_000; nowMs < 250_000; nowMs += 1000) {
      completed += 1
      watch.look(nowMs)
    }
    t.strictSame(stuck, [], 'a device that works is slow')
    lookUntil(250_000, 254_000)
    t.strictSame(stuck, ['/mp1 54000'], 'until it does not')
  })
  t.end()
})

t.test('a watched filesystem says what it is in, and does what the other does', (t) => {
  const calls: string[] = []
  const disk = createCrashFs(['/mp'])
  const port = watchedFs(disk, (work) => {
    calls.push('in')
    try {
      return work()
    } finally {
      calls.push('out')
    }
  })
  port.mkdir('/mp/a')
  const fd = port.open('/mp/a/f', 'create')
  port.write(fd, Buffer.from('hello'), 0)
  port.truncate(fd, 4)
  const bytes = Buffer.alloc(4)
  t.equal(port.read(fd, bytes, 4, 0), 4)
  t.equal(bytes.toString(), 'hell')
  t.equal(port.fstat(fd).sizeBytes, 4)
  port.syncNow(fd)
  port.close(fd)
  port.rename('/mp/a/f', '/mp/a/g')
  t.ok(port.isFile('/mp/a/g'))
  t.equal(port.stat('/mp/a/g').kind, 'file')
  t.strictSame(
    port.list('/mp/a').map(({name}) => name),
    ['g'],
  )
  port.unlink('/mp/a/g')
  port.rmdir('/mp/a')
  t.ok(port.space('/mp').totalBytes > 0)
  port.unpin(port.pin('/mp'))
  t.equal(
    port.within(() => 5),
    5,
  )
  t.equal(calls.length, 2 * 18)
  t.end()
})
