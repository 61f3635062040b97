/**
 * `npm run bench -- objects`: GET and PUT of 4 KiB and 8 MiB through the gateways of a playground,
 * beside nginx with the same files and beside a plain loop of the same system calls; durable and
 * relaxed, verified reads on and off; peak memory; lists. Everything shares two cores: the ratios
 * tell.
 */

import {spawnSync} from 'node:child_process'
import {listRows} from './list.ts'
import {runLoad, type LoadPlan, type LoadResult} from './load.ts'
import {largeObjectRows, peakRows} from './memory-rows.ts'
import {startNginx, type Nginx} from './nginx.ts'
import {makeBucket, startPlayground, type Playground} from './playground.ts'
import {runRawLoop} from './raw-loop.ts'
import {judge, type Figure, type Row} from './row.ts'

const PROXIES = 3
const TARGETS = 4
const CONNECTIONS = 16
const THREADS = 2
const MIB = 1024 * 1024

interface Size {
  readonly label: string
  readonly bytes: number
  readonly puts: number
  readonly gets: number
  /** Operations before the clock starts: what a node answers in its first seconds is compiled. */
  readonly warmUp: number
}

const SMALL: Size = {label: '4 KiB', bytes: 4096, puts: 8000, gets: 12_000, warmUp: 8000}
const LARGE: Size = {label: '8 MiB', bytes: 8 * MIB, puts: 64, gets: 320, warmUp: 64}

/** What the reference reached on the same two cores, without fsync: orientation, no goal. */
const REFERENCE: Readonly<Record<string, number>> = {
  'PUT 4 KiB': 3000,
  'GET 4 KiB': 4500,
  'PUT 8 MiB': 262,
  'GET 8 MiB': 4300,
}

type Part = (playground: Playground, nginx: Nginx) => Promise<readonly Row[]>

/** In this order: reads need what was written, the peaks come after the load. */
const PARTS: Readonly<Record<string, Part>> = {
  small: async (playground, nginx) => [
    ...(await putRows(playground, nginx, SMALL)),
    ...(await getRows(playground, nginx, SMALL)),
  ],
  large: async (playground, nginx) => [
    ...(await putRows(playground, nginx, LARGE)),
    ...(await getRows(playground, nginx, LARGE)),
  ],
  peak: peakRows,
  stream: largeObjectRows,
  list: listRows,
}

/**
 * All rows of this benchmark.
 * @param only parts by name; empty: all
 */
export async function benchObjects(only: readonly string[]): Promise<readonly Row[]> {
  const playground = await startPlayground(PROXIES, TARGETS)
  const nginx = await startNginx(playground.directory)
  const rows: Row[] = []
  try {
    for (const [name, part] of Object.entries(PARTS)) {
      if (only.length === 0 || only.includes(name)) rows.push(...(await part(playground, nginx)))
    }
    return rows
  } finally {
    nginx.stop()
    await playground.down()
  }
}

type Durability = 'durable' | 'relaxed'

function bucketOf(size: Size, durability: Durability): string {
  return `${durability}-${size.bytes}`
}

async function putRows(playground: Playground, nginx: Nginx, size: Size): Promise<readonly Row[]> {
  await load(warmUp(nginxPlan(nginx, size, 'PUT')))
  const plain = rate(await load(nginxPlan(nginx, size, 'PUT')), size)
  const rows: Row[] = []
  for (const durability of ['durable', 'relaxed'] as const) {
    await makeBucket(playground, bucketOf(size, durability), durability)
    const plan = await ourPlan(playground, size, 'PUT', durability)
    await load(warmUp(plan))
    const raw = await rawRate(playground, size, durability, TARGETS)
    const result = await load(plan)
    const metric = `PUT ${size.label} ${durability}`
    const peer = 'raw loop of the same system calls, a writer per target'
    const goal = durability === 'durable' && size === SMALL ? {goal: 'ratio>=0.7'} : {}
    rows.push(
      judge({...figure(metric, result, size), peer, peerValue: raw, ...goal}),
      judge({...figure(metric, result, size), peer: 'nginx PUT, not flushed', peerValue: plain}),
      ...besideReference('PUT', size, durability, result),
    )
    if (size === SMALL) rows.push(...(await sameDepthRows(playground, durability, plan)))
  }
  return rows
}

/**
 * For orientation: the same PUT without the gateway's redirect, and the raw loop with as many
 * writers as there are requests in flight.
 */
async function sameDepthRows(
  playground: Playground,
  durability: Durability,
  plan: LoadPlan,
): Promise<readonly Row[]> {
  const prefix = `${plan.prefix}direct-`
  const direct = await load({...plan, prefix, direct: true})
  const raw = await rawRate(playground, SMALL, durability, CONNECTIONS)
  const metric = `PUT ${SMALL.label} ${durability}, straight to the target`
  const peer = `raw loop of the same system calls, ${CONNECTIONS} writers`
  return [judge({...figure(metric, direct, SMALL), peer, peerValue: raw})]
}

function rawRate(
  playground: Playground,
  size: Size,
  durability: Durability,
  threads: number,
): Promise<number> {
  flushDisks()
  return runRawLoop({
    directory: `${playground.directory}/raw-${durability}-${size.bytes}-${threads}`,
    threads,
    operations: size.puts,
    sizeBytes: size.bytes,
    durable: durability === 'durable',
  }).then((perSecond) => inUnit(perSecond, size))
}

async function getRows(playground: Playground, nginx: Nginx, size: Size): Promise<readonly Row[]> {
  await load(warmUp(nginxPlan(nginx, size, 'GET')))
  const plain = rate(await load(nginxPlan(nginx, size, 'GET')), size)
  const bucket = bucketOf(size, 'relaxed')
  const plan = await ourPlan(playground, size, 'GET', 'relaxed')
  await load(plan)
  const rows: Row[] = []
  for (const verified of [true, false]) {
    await setVerified(playground, bucket, verified)
    const result = await load(plan)
    const metric = `GET ${size.label} ${verified ? 'verified' : 'not verified'}`
    rows.push(
      judge({
        ...figure(metric, result, size),
        peer: 'nginx, sendfile, no redirect',
        peerValue: plain,
      }),
      ...(verified ? [] : besideReference('GET', size, 'relaxed', result)),
    )
  }
  return rows
}

/** Orientation: the reference was measured on such a machine, but not in this run: no goal. */
function besideReference(
  method: 'GET' | 'PUT',
  size: Size,
  durability: string,
  result: LoadResult,
): readonly Row[] {
  const known = REFERENCE[`${method} ${size.label}`]
  if (known === undefined || durability !== 'relaxed') return []
  const metric = `${method} ${size.label}, for orientation`
  const peer = 'the reference, another day, not flushed'
  return [judge({...figure(metric, result, size), peer, peerValue: known})]
}

async function ourPlan(
  playground: Playground,
  size: Size,
  method: 'GET' | 'PUT',
  durability: Durability,
): Promise<LoadPlan> {
  const prefix = `/v1/objects/${bucketOf(size, durability)}/object-`
  const nodes = await playground.pids()
  const pidsOf = (role: string): readonly number[] =>
    nodes.filter((node) => node.role === role).map(({pid}) => pid)
  const roles = {gateway: pidsOf('proxy'), target: pidsOf('target')}
  const base = basePlan(size, method)
  return {...base, endpoints: playground.gateways, prefix, query: 'provider=ais', roles}
}

/** The same under other names for a PUT; the same objects for a GET. */
function warmUp(plan: LoadPlan): LoadPlan {
  if (plan.method === 'GET') return plan
  const size = plan.sizeBytes === SMALL.bytes ? SMALL : LARGE
  return {...plan, prefix: `${plan.prefix}warm-`, operations: size.warmUp, names: size.warmUp}
}

function nginxPlan({endpoint}: Nginx, size: Size, method: 'GET' | 'PUT'): LoadPlan {
  return {...basePlan(size, method), endpoints: [endpoint], prefix: `/${size.bytes}/object-`}
}

function basePlan(size: Size, method: 'GET' | 'PUT'): Omit<LoadPlan, 'endpoints' | 'prefix'> {
  return {
    method,
    names: size.puts,
    sizeBytes: size.bytes,
    operations: method === 'PUT' ? size.puts : size.gets,
    connections: CONNECTIONS,
    threads: THREADS,
  }
}

/** Runs load; what was written before and not flushed yet must not be written meanwhile. */
async function load(what: LoadPlan): Promise<LoadResult> {
  flushDisks()
  const result = await runLoad(what)
  if (result.failed > 0) throw new Error(`${result.failed} failed: ${result.firstFailure}`)
  return result
}

function flushDisks(): void {
  spawnSync('sync', {stdio: 'ignore'})
}

function figure(metric: string, result: LoadResult, size: Size): Figure {
  return {
    metric,
    unit: unitOf(size),
    value: rate(result, size),
    n: result.operations,
    p50: result.p50Ms,
    p99: result.p99Ms,
    cpuMsPerOp: result.cpuMsPerOp,
  }
}

/** Small objects are counted per second, large ones in MB per second. */
function rate(result: LoadResult, size: Size): number {
  return inUnit(result.operations / result.seconds, size)
}

function inUnit(perSecond: number, size: Size): number {
  return size === SMALL ? perSecond : (perSecond * size.bytes) / 1e6
}

function unitOf(size: Size): string {
  return size === SMALL ? 'objects/s' : 'MB/s'
}

async function setVerified(playground: Playground, bucket: string, on: boolean): Promise<void> {
  const set = ['bucket', 'props', 'set', `ais://${bucket}`, `checksum.validate_warm_get=${on}`]
  await playground.aisctl([...set, '--cluster', `http://${playground.gateways[0]}`])
}
