/**
 * `npm run bench -- rebalance [--json] [--quick] [--only PART,PART]`: one target of four leaves a
 * playground and its objects move to the others, beside a raw durable writer of as many files over
 * one TCP connection; with clients and without. Then everything is read back. Parts: `few`,
 * `large`, `small`, `clients-large`, `clients-small`; `--quick` moves a tenth.
 *
 * Needs 11 GB on the filesystem of the repository, a tenth with `--quick`; gives it back.
 */

import {execFile, spawnSync} from 'node:child_process'
import {loadavg} from 'node:os'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {fileURLToPath} from 'node:url'
import {promisify} from 'node:util'
import {bodyOf} from './body.ts'
import {startCpuMeter} from './cpu.ts'
import {quantile} from './load.ts'
import {makeBucket, startPlayground, type Playground} from './playground.ts'
import {startClients, timesWithin, type Clients} from './rebalance-clients.ts'
import {leavingOf, takeBack, takeOut, type Leaving} from './rebalance-leave.ts'
import {countMoved, namesOf, storeObjects, type StoredObjects} from './rebalance-objects.ts'
import {makeRawFiles, runRawMove, type RawMove} from './rebalance-raw.ts'
import {judge, type Figure, type Row} from './row.ts'

const execute = promisify(execFile)
const BUILD = fileURLToPath(new URL('../../bin/build.js', import.meta.url))
const PROXIES = 3
const TARGETS = 4
const MIB = 1024 * 1024
const KIB = 1024
const BUCKET = 'moving'
const RAW = 'raw durable writer over one TCP connection'

interface Size {
  readonly label: string
  readonly bytes: number
  readonly count: number
}

const LARGE: Size = {label: '8 MiB', bytes: 8 * MIB, count: 400}
const SMALL: Size = {label: '16 KiB', bytes: 16 * KIB, count: 20_000}
const QUICK_SHARE = 0.1
/** Rounds of what takes no time: the median counts. */
const ROUNDS = 5
const FEW = 10

/** Clients at a steady pace: some 200 requests per second. */
const CLIENTS = {connections: 8, everyMs: 40, names: 999, sizeBytes: 16 * KIB}
/** How long they are alone, for comparison. */
const ALONE_MS = 15_000
const CLIENTS_BUCKET = 'clients'

type Part = (share: number) => Promise<readonly Row[]>

const PARTS: Readonly<Record<string, Part>> = {
  'few': fewRows,
  'large': (share) => aloneRows(LARGE, share),
  'small': (share) => aloneRows(SMALL, share),
  'clients-large': (share) => besideClientsRows(LARGE, share),
  'clients-small': (share) => besideClientsRows(SMALL, share),
}

/**
 * All rows of this benchmark.
 * @param only parts by name; empty: all
 */
export async function benchRebalance(
  only: readonly string[],
  args: readonly string[],
): Promise<readonly Row[]> {
  // What is measured is what is shipped: a tool that is not compiled starts 0.4 s later.
  await execute(process.execPath, [BUILD])
  const share = args.includes('--quick') ? QUICK_SHARE : 1
  const rows: Row[] = []
  for (const [name, part] of Object.entries(PARTS)) {
    if (only.length > 0 && !only.includes(name)) continue
    const [load = 0] = loadavg()
    rows.push(judge({metric: `load before ${name}`, unit: 'processes', value: load, n: 1}))
    rows.push(...(await part(share)))
  }
  return rows
}

/** A playground of its own for each part: what one leaves behind costs no other. */
async function inPlayground(
  run: (playground: Playground, leaving: Leaving) => Promise<readonly Row[]>,
): Promise<readonly Row[]> {
  const playground = await startPlayground(PROXIES, TARGETS)
  try {
    await makeBucket(playground, BUCKET, 'relaxed')
    return await run(playground, await leavingOf(playground))
  } finally {
    await playground.down()
  }
}

/** The whole command, from its call to its return, with nothing and with ten objects to move. */
async function fewRows(): Promise<readonly Row[]> {
  return await inPlayground(async (playground, {id}) => {
    const seconds: Record<'nothing' | 'few', number[]> = {nothing: [], few: []}
    const all = namesOf(playground, {bucket: BUCKET, target: id, count: FEW * ROUNDS})
    let moved = 0
    for (let round = 0; round < ROUNDS; round += 1) {
      seconds.nothing.push((await takeOut(playground, id)).commandMs / 1000)
      await takeBack(playground, id)
      const names = all.slice(round * FEW, (round + 1) * FEW)
      const objects = {bucket: BUCKET, names, sizeBytes: 16 * KIB}
      await storeObjects(playground, objects)
      seconds.few.push((await takeOut(playground, id)).commandMs / 1000)
      moved += await countMoved(playground, objects, id)
      await takeBack(playground, id)
    }
    return [
      wholeRow('nothing to move: the whole command', seconds.nothing, 1),
      wholeRow(`${FEW} objects: the whole command`, seconds.few, 2),
      verifiedRow(`${FEW} objects, ${ROUNDS} times`, moved, all.length),
    ]
  })
}

function wholeRow(metric: string, seconds: readonly number[], mostSeconds: number): Row {
  const sorted = seconds.toSorted((a, b) => a - b)
  const [p50, p99] = [quantile(sorted, 0.5), quantile(sorted, 0.99)]
  const goal = `value<=${mostSeconds}`
  return judge({metric, unit: 's', value: p50, n: seconds.length, p50, p99, goal})
}

function verifiedRow(what: string, moved: number, stored: number): Row {
  const metric = `${what}: read back whole, and elsewhere`
  const peer = 'objects stored'
  return judge({
    metric,
    unit: 'objects',
    value: moved,
    n: stored,
    peer,
    peerValue: stored,
    goal: 'ratio>=1',
  })
}

async function aloneRows(size: Size, share: number): Promise<readonly Row[]> {
  return await inPlayground(async (playground, leaving) => {
    const {count, objects} = await storedOf(playground, size, {share, target: leaving.id})
    const raw = rawOf(playground, size, count)
    const before = await rawRate(raw)
    flushDisks()
    const meter = startCpuMeter(leaving.roles)
    const {moveMs} = await takeOut(playground, leaving.id)
    const cpuMsPerOp = meter.perOp(count)
    const after = await rawRate(raw)
    const what = `${count} × ${size.label}`
    return [
      judge({
        metric: `${what} leave a target`,
        ...rateOf(size, count, moveMs),
        n: count,
        cpuMsPerOp,
        ...besideRaw(size, [before, after]),
        goal: 'ratio>=0.6',
      }),
      verifiedRow(what, await countMoved(playground, objects, leaving.id), count),
    ]
  })
}

async function besideClientsRows(size: Size, share: number): Promise<readonly Row[]> {
  return await inPlayground(async (playground, leaving) => {
    const {count, objects} = await storedOf(playground, size, {share, target: leaving.id})
    await makeBucket(playground, CLIENTS_BUCKET)
    const raw = rawOf(playground, size, count)
    const before = await rawRate(raw)
    const {gateways} = playground
    const clients = await startClients({gateways, bucket: CLIENTS_BUCKET, ...CLIENTS})
    const {rows, moveMs} = await beside(playground, leaving, clients)
    const after = await rawRate(raw)
    const what = `${count} × ${size.label}`
    return [
      ...rows.map((row) => judge({...row, metric: `${row.metric} ${what} leave a target`})),
      judge({
        metric: `${what} leave a target, with clients`,
        ...rateOf(size, count, moveMs),
        n: count,
        ...besideRaw(size, [before, after]),
        goal: 'ratio>=0.15',
      }),
      verifiedRow(
        `${what}, with clients`,
        await countMoved(playground, objects, leaving.id),
        count,
      ),
    ]
  })
}

async function beside(
  playground: Playground,
  {id}: Leaving,
  clients: Clients,
): Promise<{readonly rows: readonly Figure[]; readonly moveMs: number}> {
  flushDisks()
  const alone = {fromMs: Date.now(), toMs: Date.now() + ALONE_MS}
  await sleep(ALONE_MS)
  const fromMs = Date.now()
  const {moveMs} = await takeOut(playground, id)
  const samples = await clients.stop()
  const idle = timesWithin(samples, alone)
  const busy = timesWithin(samples, {fromMs, toMs: fromMs + moveMs})
  const row: Figure = {
    metric: 'p99 of clients while',
    unit: 'ms',
    value: busy.p99Ms,
    n: busy.n,
    p50: busy.p50Ms,
    p99: busy.p99Ms,
    peer: `the same clients alone, p50 ${idle.p50Ms} ms`,
    peerValue: idle.p99Ms,
    goal: 'ratio<=3',
  }
  return {rows: [row], moveMs}
}

async function storedOf(
  playground: Playground,
  {bytes, count: all}: Size,
  {share, target}: Readonly<{share: number; target: string}>,
): Promise<{readonly count: number; readonly objects: StoredObjects}> {
  const count = Math.round(all * share)
  const names = namesOf(playground, {bucket: BUCKET, target, count})
  const objects = {bucket: BUCKET, names, sizeBytes: bytes}
  await storeObjects(playground, objects)
  return {count, objects}
}

function rawOf({directory}: Playground, {bytes}: Size, files: number): RawMove {
  const raw = {directory: join(directory, 'raw', 'files'), files, sizeBytes: bytes}
  makeRawFiles(raw, bodyOf(bytes))
  return raw
}

/** Files per second. */
async function rawRate(raw: RawMove): Promise<number> {
  flushDisks()
  return raw.files / (await runRawMove(raw))
}

/** The machine's speed drifts: the mean of what the peer gave before and after. */
function besideRaw(size: Size, rates: readonly number[]): Pick<Figure, 'peer' | 'peerValue'> {
  const each = rates.map((rate) => inUnit(size, rate))
  const peer = `${RAW}, alone, before and after: ${each.map(Math.round).join(' and ')}`
  return {peer, peerValue: each.reduce((sum, one) => sum + one, 0) / each.length}
}

/** What was written before and not flushed yet must not be written meanwhile. */
function flushDisks(): void {
  spawnSync('sync', {stdio: 'ignore'})
}

function rateOf(size: Size, count: number, ms: number): Pick<Figure, 'unit' | 'value'> {
  return {unit: unitOf(size), value: inUnit(size, count / (ms / 1000))}
}

/** Small objects are counted per second, large ones in MB per second. */
function inUnit(size: Size, perSecond: number): number {
  return size === SMALL ? perSecond : (perSecond * size.bytes) / 1e6
}

function unitOf(size: Size): string {
  return size === SMALL ? 'objects/s' : 'MB/s'
}
