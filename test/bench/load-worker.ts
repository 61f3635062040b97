/**
 * One thread of load: so many connections, each with one request at a time, until its share is
 * done. Says `ready`, waits for a word, and answers with its latencies.
 */

import {parentPort, workerData} from 'node:worker_threads'
import {bodyOf} from './body.ts'
import {createClient, type Ask} from './http-client.ts'
import type {LoadPlan, Share, ShareResult} from './load.ts'

/** Operations that may fail before a run is given up. */
const FAILURES_MAX = 50

const share = workerData as Share
parentPort?.once('message', () => {
  void work(share).then((result) => parentPort?.postMessage(result))
})
parentPort?.postMessage('ready')

async function work(share: Share): Promise<ShareResult> {
  const body = share.plan.method === 'PUT' ? bodyOf(share.plan.sizeBytes) : undefined
  const state = {next: share.first, latenciesMs: [] as number[], failed: 0, firstFailure: ''}
  const loop = async (): Promise<void> => {
    const client = createClient()
    while (state.next < share.first + share.operations && state.failed < FAILURES_MAX) {
      const number = state.next
      state.next += 1
      const at = performance.now()
      const failure = await one(client, share.plan, number, body)
      if (failure === '') state.latenciesMs.push(performance.now() - at)
      else {
        state.failed += 1
        state.firstFailure ||= failure
      }
    }
    client.close()
  }
  await Promise.all(Array.from({length: share.connections}, loop))
  return state
}

async function one(
  client: ReturnType<typeof createClient>,
  plan: LoadPlan,
  number: number,
  body: Uint8Array | undefined,
): Promise<string> {
  const name = scatter(number, plan.names)
  const query = plan.query === undefined ? '' : `?${plan.query}`
  const ask: Ask = {
    method: plan.method,
    path: `${plan.prefix}${name}${query}`,
    ...(body === undefined ? {} : {body}),
  }
  const endpoint = plan.endpoints[number % plan.endpoints.length] ?? ''
  try {
    const {status, bytes} = await client.ask(endpoint, ask)
    if (status !== 200 && status !== 201 && status !== 204) return `${ask.path}: status ${status}`
    if (plan.method === 'GET' && bytes !== plan.sizeBytes) return `${ask.path}: ${bytes} bytes`
    return ''
  } catch (error) {
    return String(error)
  }
}

/** Every name once per round, in an order that no cache foresees. */
function scatter(number: number, names: number): number {
  return (number * 7919) % names
}
