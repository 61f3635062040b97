/**
 * Clients beside a rebalance: a thread with a few connections, each of which reads and writes
 * objects in turn at a steady pace. Each request is noted with the moment of its begin, so that one
 * run gives the times of before and of meanwhile.
 */

import {isMainThread, parentPort, Worker, workerData} from 'node:worker_threads'
import {setTimeout as sleep} from 'node:timers/promises'
import {bodyOf} from './body.ts'
import {createClient, type Answer, type Ask} from './http-client.ts'
import {quantile} from './load.ts'

export interface ClientsPlan {
  readonly gateways: readonly string[]
  readonly bucket: string
  readonly connections: number
  /** Between the begins of two requests of one connection; later when one takes longer. */
  readonly everyMs: number
  readonly names: number
  readonly sizeBytes: number
}

interface Sample {
  /** Ms since 1970. */
  readonly atMs: number
  readonly tookMs: number
}

interface Noted {
  readonly samples: readonly Sample[]
  readonly failures: readonly string[]
}

export interface Clients {
  /** Ends them. @throws Error when a request failed */
  readonly stop: () => Promise<readonly Sample[]>
}

/** Stores every object once, and goes on until it is stopped. */
export async function startClients(plan: ClientsPlan): Promise<Clients> {
  const worker = new Worker(new URL(import.meta.url), {workerData: plan})
  const reply = <T>(): Promise<T> =>
    new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
  await reply()
  return {
    stop: async () => {
      const noted = reply<Noted>()
      worker.postMessage('stop')
      const {samples, failures} = await noted
      await worker.terminate()
      const [first] = failures
      if (first !== undefined) throw new Error(`${failures.length} requests failed: ${first}`)
      return samples
    },
  }
}

export interface Window {
  readonly fromMs: number
  readonly toMs: number
}

/** Of the requests that began within a window. */
export function timesWithin(
  samples: readonly Sample[],
  {fromMs, toMs}: Window,
): {readonly n: number; readonly p50Ms: number; readonly p99Ms: number} {
  const times = samples
    .filter(({atMs}) => atMs >= fromMs && atMs < toMs)
    .map(({tookMs}) => tookMs)
    .toSorted((a, b) => a - b)
  return {n: times.length, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99)}
}

/** A client that is told to come again comes again: what it waits for counts. */
const AGAIN_MS = 20
const AGAIN_MAX_MS = 30_000

async function patiently(ask: () => Promise<Answer>): Promise<Answer> {
  const endMs = performance.now() + AGAIN_MAX_MS
  for (;;) {
    const answer = await ask()
    if (answer.status !== 503 || performance.now() > endMs) return answer
    await sleep(AGAIN_MS)
  }
}

async function run(plan: ClientsPlan, stopped: () => boolean): Promise<Noted> {
  const {gateways, bucket, connections, everyMs, names} = plan
  const body = bodyOf(plan.sizeBytes)
  const samples: Sample[] = []
  const failures: string[] = []

  async function ask(client: ReturnType<typeof createClient>, turn: number): Promise<void> {
    const endpoint = gateways[turn % gateways.length] ?? ''
    const path = `/v1/objects/${bucket}/client-${(turn * 7919) % names}?provider=ais`
    const isRead = turn >= names && turn % 2 === 0
    const atMs = Date.now()
    const began = performance.now()
    try {
      const request: Ask = isRead ? {method: 'GET', path} : {method: 'PUT', path, body}
      const {status, bytes} = await patiently(() => client.ask(endpoint, request))
      if (status !== 200) failures.push(`${path}: status ${status}`)
      if (isRead && bytes !== plan.sizeBytes) failures.push(`${path}: ${bytes} bytes`)
      if (turn >= names) samples.push({atMs, tookMs: performance.now() - began})
    } catch (error) {
      failures.push(`${path}: ${String(error)}`)
    }
  }

  let turn = 0
  const work = async (first: number): Promise<void> => {
    const client = createClient()
    await sleep((everyMs * first) / connections)
    while (!stopped()) {
      const began = performance.now()
      const mine = turn++
      if (mine === names) parentPort?.postMessage('ready')
      await ask(client, mine)
      if (mine >= names) await sleep(Math.max(0, everyMs - (performance.now() - began)))
    }
    client.close()
  }
  await Promise.all(Array.from({length: connections}, (_, first) => work(first)))
  return {samples, failures}
}

if (!isMainThread && parentPort !== null) {
  const port = parentPort
  let isStopped = false
  port.once('message', () => {
    isStopped = true
  })
  port.postMessage(await run(workerData as ClientsPlan, () => isStopped))
}
