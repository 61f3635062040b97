/**
 * Bounded load from worker threads with kept-alive connections: so many operations, so many at a
 * time, each timed. The generator shares the machine with the servers, as the peers' does: trust
 * ratios.
 */

import {Worker} from 'node:worker_threads'
import {startCpuMeter, type CpuPerOp, type Roles} from './cpu.ts'

/** What one run of load does. Names are `PREFIX<number>`, numbers below `names`. */
export interface LoadPlan {
  readonly method: 'GET' | 'PUT'
  /** host:port of the servers, asked in turn. */
  readonly endpoints: readonly string[]
  readonly prefix: string
  /** Query appended to each path, without the question mark. */
  readonly query?: string
  readonly names: number
  readonly sizeBytes: number
  readonly operations: number
  readonly connections: number
  /** Worker threads; each holds its share of the connections. */
  readonly threads: number
  /** Where each name's redirect leads is asked before the clock starts: servers alone. */
  readonly direct?: boolean
  /** Servers whose processor time is counted. */
  readonly roles?: Roles
}

export interface LoadResult {
  readonly operations: number
  readonly failed: number
  readonly firstFailure: string
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly cpuMsPerOp: CpuPerOp
}

/** What one worker thread does of a plan. */
export interface Share {
  readonly plan: LoadPlan
  readonly first: number
  readonly operations: number
  readonly connections: number
}

/** What it found. */
export interface ShareResult {
  readonly latenciesMs: readonly number[]
  readonly failed: number
  readonly firstFailure: string
}

/** Runs the plan; resolves with rates and latencies. Failures are counted, never hidden. */
export async function runLoad(plan: LoadPlan): Promise<LoadResult> {
  const shares = Array.from({length: plan.threads}, (_, at) => shareOf(plan, at))
  const workers = await Promise.all(shares.map(startWorker))
  const meter = startCpuMeter(plan.roles ?? {})
  const startMs = performance.now()
  const results = await Promise.all(workers.map((worker) => worker.go()))
  const seconds = (performance.now() - startMs) / 1000
  const cpuMsPerOp = meter.perOp(plan.operations)
  const latencies = results.flatMap(({latenciesMs}) => latenciesMs).toSorted((a, b) => a - b)
  return {
    operations: latencies.length,
    failed: results.reduce((sum, {failed}) => sum + failed, 0),
    firstFailure: results.find(({firstFailure}) => firstFailure !== '')?.firstFailure ?? '',
    seconds,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    cpuMsPerOp,
  }
}

/** The value below which the share `q` of the sorted values lies. */
export function quantile(sorted: readonly number[], q: number): number {
  const at = Math.min(sorted.length - 1, Math.floor(sorted.length * q))
  return Number((sorted[at] ?? 0).toPrecision(4))
}

function shareOf(plan: LoadPlan, at: number): Share {
  const operations = Math.floor(plan.operations / plan.threads)
  return {plan, first: at * operations, operations, connections: plan.connections / plan.threads}
}

function startWorker(share: Share): Promise<{go(): Promise<ShareResult>}> {
  const worker = new Worker(new URL('load-worker.ts', import.meta.url), {workerData: share})
  const reply = <T>(): Promise<T> =>
    new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
  return reply().then(() => ({
    async go() {
      const result = reply<ShareResult>()
      worker.postMessage('go')
      const value = await result
      await worker.terminate()
      return value
    },
  }))
}
