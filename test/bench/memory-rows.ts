/**
 * Rows about memory: the peak of each kind of process under the load so far, and how little it
 * grows while one object of 1 GiB streams in and out. The object is made as it is sent: no side
 * holds it.
 */

import {request} from 'node:http'
import {Readable} from 'node:stream'
import {pipeline} from 'node:stream/promises'
import {memoryOf, resetPeak} from './memory.ts'
import {makeBucket, type Playground} from './playground.ts'
import {judge, type Row} from './row.ts'

const MIB = 1024 * 1024
const LARGE_BYTES = 1024 * MIB
const GROWTH_MIB_MAX = 64
const HOPS_MAX = 3

/** The most memory that a gateway and a target ever held, after the load. */
export async function peakRows(playground: Playground): Promise<readonly Row[]> {
  const pids = await playground.pids()
  return (['proxy', 'target'] as const).map((role) => {
    const peaks = pids.filter((node) => node.role === role).map(({pid}) => memoryOf(pid).peakMib)
    const metric = `peak memory of a ${role}`
    return judge({metric, unit: 'MiB', value: Math.max(...peaks), n: peaks.length})
  })
}

/** Growth of the peak over what was resident before, in each process, for PUT and GET of 1 GiB. */
export async function largeObjectRows(playground: Playground): Promise<readonly Row[]> {
  const [first = '', second = first] = playground.gateways
  await makeBucket(playground, 'large')
  const path = (name: string): string => `/v1/objects/large/${name}?provider=ais`
  await putStream(`http://${first}${path('warm-up')}`, 64 * MIB)
  await drain(`http://${second}${path('warm-up')}`)
  const rows: Row[] = []
  for (const method of ['PUT', 'GET'] as const) {
    const before = (await playground.pids()).map(({pid}) => {
      resetPeak(pid)
      return {pid, rssMib: memoryOf(pid).rssMib}
    })
    const bytes =
      method === 'PUT'
        ? await putStream(`http://${first}${path('one')}`, LARGE_BYTES)
        : await drain(`http://${second}${path('one')}`)
    if (bytes !== LARGE_BYTES) throw new Error(`${method} of 1 GiB moved ${bytes} bytes`)
    const growths = before.map(({pid, rssMib}) => memoryOf(pid).peakMib - rssMib)
    rows.push(
      judge({
        metric: `${method} of 1 GiB: largest growth of a process`,
        unit: 'MiB',
        value: Math.max(...growths),
        n: growths.length,
        goal: `value<=${GROWTH_MIB_MAX}`,
      }),
    )
  }
  return rows
}

/** Sends so many bytes; the redirect is followed before any is sent, as AIStore's clients do. */
async function putStream(url: string, bytes: number): Promise<number> {
  const target = await targetOf(url, 0)
  return new Promise((resolve, reject) => {
    const outgoing = request(target, {method: 'PUT', headers: {'Content-Length': bytes}})
    outgoing.on('error', reject)
    outgoing.on('response', (incoming) => {
      incoming.resume()
      if (incoming.statusCode === 200) incoming.on('end', () => resolve(bytes))
      else reject(new Error(`PUT ${url}: ${incoming.statusCode}`))
    })
    pipeline(Readable.from(blocks(bytes)), outgoing).catch(reject)
  })
}

/** Asks without a body where a PUT would go. */
function targetOf(url: string, hops: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = {'Expect': '100-continue', 'Content-Length': 1}
    const outgoing = request(url, {method: 'PUT', headers})
    outgoing.on('continue', () => {
      outgoing.destroy()
      resolve(url)
    })
    outgoing.on('response', (incoming) => {
      incoming.resume()
      outgoing.destroy()
      const next = incoming.headers.location
      if (next !== undefined && hops < HOPS_MAX) resolve(next)
      else reject(new Error(`PUT ${url}: ${incoming.statusCode}`))
    })
    outgoing.on('error', reject)
    outgoing.flushHeaders()
  })
}

async function* blocks(bytes: number): AsyncGenerator<Buffer> {
  const block = Buffer.alloc(MIB, 0x5a)
  for (let at = 0; at < bytes; at += MIB) {
    block.writeUInt32LE(at / MIB)
    yield Buffer.from(block)
  }
  await Promise.resolve()
}

async function drain(url: string): Promise<number> {
  const response = await fetch(url)
  if (response.status !== 200 || response.body === null) throw new Error(`GET ${response.status}`)
  let bytes = 0
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
  }
  return bytes
}
