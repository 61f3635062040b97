/**
 * The peer for small writes: the system calls of one stored object in a plain loop, one thread per
 * target. Durable: open, write, fsync, rename, fsync of the directory. Relaxed: the same without
 * the two flushes. No HTTP, no checksum, no placement.
 */

import {closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeSync} from 'node:fs'
import {join} from 'node:path'
import {isMainThread, parentPort, Worker, workerData} from 'node:worker_threads'
import {bodyOf} from './body.ts'

export interface RawPlan {
  readonly directory: string
  readonly threads: number
  readonly operations: number
  readonly sizeBytes: number
  readonly durable: boolean
}

/** Operations per second of all threads together. */
export async function runRawLoop(plan: RawPlan): Promise<number> {
  const workers = Array.from({length: plan.threads}, (_, at) => {
    const directory = join(plan.directory, `raw-${at}`)
    mkdirSync(directory, {recursive: true})
    return new Worker(new URL(import.meta.url), {workerData: {...plan, directory}})
  })
  await Promise.all(workers.map(reply))
  const startMs = performance.now()
  for (const worker of workers) worker.postMessage('go')
  await Promise.all(workers.map(reply))
  const seconds = (performance.now() - startMs) / 1000
  await Promise.all(workers.map((worker) => worker.terminate()))
  return (Math.floor(plan.operations / plan.threads) * plan.threads) / seconds
}

function reply(worker: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
}

function loop({directory, operations, threads, sizeBytes, durable}: RawPlan): void {
  const body = bodyOf(sizeBytes)
  const parent = openSync(directory, 'r')
  for (let number = 0; number < Math.floor(operations / threads); number += 1) {
    const work = join(directory, `.work-${number}`)
    const file = openSync(work, 'wx')
    writeSync(file, body)
    if (durable) fsyncSync(file)
    closeSync(file)
    renameSync(work, join(directory, `object-${number}`))
    if (durable) fsyncSync(parent)
  }
  closeSync(parent)
}

if (!isMainThread && parentPort !== null) {
  const port = parentPort
  port.once('message', () => {
    loop(workerData as RawPlan)
    port.postMessage('done')
  })
  port.postMessage('ready')
}
