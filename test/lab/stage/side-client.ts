/**
 * A client that lives on one side of a partition: it runs with a host's network and knows the
 * gateways of its side. At every beat of a clock that all sides share it tries to make the bucket
 * of that beat and to overwrite some of the keys that all sides overwrite; a line per try.
 *
 *   side-client.ts '{"by": …}'
 */

import {setTimeout as sleep} from 'node:timers/promises'
import {action, nowMs, type Reply, request} from './http.ts'
import {type Attempt, makeBody} from './ledger.ts'

export interface SideOrder {
  /** Name of the side. */
  readonly by: string
  readonly gateways: readonly string[]
  readonly bucket: string
  /** Names of buckets are PREFIX-BEAT. */
  readonly prefix: string
  readonly keys: readonly string[]
  readonly everyMs: number
}

/** One try, and what it was a try of. */
export type SideLine = Attempt & {readonly what: 'object' | 'bucket'}

/** Keys of one beat. */
const KEYS_AT_ONCE = 4
/** Tries under way; beyond it a beat is left out. */
const TRIES_MAX = 60
const BODY_BYTES = 512
/** A gateway without a primary keeps a change for some seconds before it refuses. */
const PATIENCE_MS = 12_000

const order = JSON.parse(process.argv[2] ?? '{}') as SideOrder
let underWay = 0
let ended = false
process.stdin.resume()
// The player wants no more, or has ended in whatever way; what is under way is still noted.
process.stdin.once('end', () => (ended = true))
while (!ended) {
  const beat = Math.floor(nowMs() / order.everyMs)
  if (underWay < TRIES_MAX) {
    void makeBucket(`${order.prefix}-${beat}`)
    for (let number = 0; number < KEYS_AT_ONCE; number += 1) {
      void overwrite(order.keys[(beat * KEYS_AT_ONCE + number) % order.keys.length] ?? '')
    }
  }
  await sleep(Math.max(1, (beat + 1) * order.everyMs - nowMs()))
}

async function makeBucket(key: string): Promise<void> {
  const ask = action('POST', `/v1/buckets/${key}`, {action: 'create-bck'})
  say('bucket', key, 'bucket', await ones(ask))
}

async function overwrite(key: string): Promise<void> {
  const {body, content} = makeBody(BODY_BYTES)
  const path = `/v1/objects/${order.bucket}/${key}`
  say('object', key, content, await ones({method: 'PUT', path, body}))
}

async function ones(ask: Parameters<typeof request>[1]): Promise<Reply> {
  underWay += 1
  const gateway = order.gateways[Math.floor(Math.random() * order.gateways.length)] ?? ''
  const reply = await request(gateway, ask, PATIENCE_MS)
  underWay -= 1
  return reply
}

function say(what: SideLine['what'], key: string, content: string, reply: Reply): void {
  const {status, failure, startMs, endMs} = reply
  const sure = failure === 'refused' || (status >= 400 && status < 500)
  const outcome = status === 200 ? 'acknowledged' : sure ? 'refused' : 'unknown'
  const line: SideLine = {what, by: order.by, key, content, startMs, endMs, outcome}
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
