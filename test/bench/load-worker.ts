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

/** Where a request goes. */
interface Place {
  readonly endpoint: string
  readonly path: string
}

const share = workerData as Share
const places = share.plan.direct === true ? await findPlaces(share) : null
parentPort?.once('message', () => {
  void work(share).then((result) => parentPort?.postMessage(result))
})
parentPort?.postMessage('ready')

/** Asks gateways, without a body, where each request of the share would be sent on to. */
async function findPlaces({plan, first, operations}: Share): Promise<readonly Place[]> {
  const client = createClient(0)
  const found: Place[] = []
  for (let number = first; number < first + operations; number += 1) {
    const {endpoint, path} = placeOf(plan, number)
    const {location} = await client.ask(endpoint, {method: plan.method, path})
    if (location === null) throw new Error(`${endpoint} ${path}: no redirect`)
    const url = new URL(location)
    found.push({endpoint: url.host, path: `${url.pathname}${url.search}`})
  }
  client.close()
  return found
}

/** At which of the endpoints a request begins. */
function placeOf(plan: LoadPlan, number: number): Place {
  const query = plan.query === undefined ? '' : `?${plan.query}`
  const path = `${plan.prefix}${scatter(number, plan.names)}${query}`
  return {endpoint: plan.endpoints[number % plan.endpoints.length] ?? '', path}
}

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
  const {endpoint, path} = places?.[number - share.first] ?? placeOf(plan, number)
  const ask: Ask = {method: plan.method, path, ...(body === undefined ? {} : {body})}
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
