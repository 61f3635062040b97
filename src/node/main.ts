/**
 * The daemon's entry, of the process and of each of its threads: what to run is decided by the
 * thread and the command line. Modules are loaded when they are needed, so that each thread pays
 * for its own only.
 */

import {isMainThread, workerData} from 'node:worker_threads'

import type {ThreadStart} from './threads/ports.ts'

if (isMainThread) {
  const {runProcess} = await import('./process.ts')
  await runProcess(process.argv.slice(2), new URL(import.meta.url))
} else {
  const start = workerData as ThreadStart
  if (start.kind === 'store') {
    const {runStoreThread} = await import('./threads/store-thread.ts')
    runStoreThread(start.directory)
  } else {
    const {runDataWorker} = await import('./threads/data-worker.ts')
    await runDataWorker(start)
  }
}
