/**
 * A client inside the lab's network: the runner stands outside of it and starts this file there. It
 * writes objects and notes each acknowledged one in a journal at once, reads them all back through
 * another gateway, and says what the nodes' maps hold. One JSON object on stdout.
 *
 *   worker.ts '{"do": "write" | "verify" | "maps", …}'
 */

import {createHash, randomBytes} from 'node:crypto'
import {appendFileSync, readFileSync} from 'node:fs'
import {setTimeout as sleep} from 'node:timers/promises'
import {type Answer, type Ask, createClient} from '../../bench/http-client.ts'
import type {Acknowledged, Maps, Verdict, WorkerOrder, Written} from './orders.ts'

/** One try of one request; a node that hangs is as bad as one that refuses. */
const TRY_TIMEOUT_MS = 15_000
const RETRY_PAUSE_MS = 100
const LIST_PAGE = 1000
const AT_ONCE = 8
/** All objects of one order together; beyond it they stay small. */
const BYTES_TOTAL_MAX = 2900 * 1024 * 1024
const SMALL = 4096

let bytesLeft = BYTES_TOTAL_MAX
const order = JSON.parse(process.argv[2] ?? '{}') as WorkerOrder
const answer =
  order.do === 'write'
    ? await write(order)
    : order.do === 'verify'
      ? await verify(order)
      : await maps(order.gateways)
process.stdout.write(`${JSON.stringify(answer)}\n`)

type WriteOrder = Extract<WorkerOrder, {do: 'write'}>
type VerifyOrder = Extract<WorkerOrder, {do: 'verify'}>

/** Writes until `count` objects are acknowledged or the time is over. */
async function write(order: WriteOrder): Promise<Written> {
  const deadline = performance.now() + order.forMs
  let next = 0
  let failures = 0
  let acknowledged = 0
  await inParallel(AT_ONCE, async () => {
    while (next < order.count && performance.now() < deadline) {
      const number = next
      next += 1
      const object = makeObject(order, number)
      for (;;) {
        const gateway = order.gateways[number % order.gateways.length] ?? ''
        if (await put(gateway, order.bucket, object)) break
        failures += 1
        if (performance.now() > deadline) return
        await sleep(RETRY_PAUSE_MS)
      }
      appendFileSync(order.journal, `${JSON.stringify(object.note)}\n`)
      acknowledged += 1
    }
  })
  return {acknowledged, failures}
}

/** Reads every object of the journal through a gateway that did not write it; compares the list. */
async function verify(order: VerifyOrder): Promise<Verdict> {
  const notes = readFileSync(order.journal, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Acknowledged)
  const deadline = performance.now() + order.forMs
  const found: Found[] = []
  const waiting = notes.entries()
  await inParallel(AT_ONCE, async () => {
    for (const [number, note] of waiting) {
      const gateway = order.gateways[(number + 1) % order.gateways.length] ?? ''
      const state = await readUntil(gateway, order.bucket, note, deadline)
      if (state !== 'right') found.push({name: note.name, state})
    }
  })
  const listed = order.list ? new Set(await list(order.gateways[0] ?? '', order.bucket)) : undefined
  const names = notes.map((note) => note.name)
  const inState = (state: Found['state']): string[] =>
    found.filter((one) => one.state === state).map((one) => one.name)
  return {
    acknowledged: notes.length,
    notFound: inState('not found'),
    outOfReach: inState('out of reach'),
    wrong: inState('wrong'),
    unlisted: listed === undefined ? [] : names.filter((name) => !listed.has(name)),
  }
}

interface Found {
  readonly name: string
  readonly state: 'right' | 'wrong' | 'not found' | 'out of reach'
}

/** What each gateway's map says; a gateway that does not answer is left out. */
async function maps(gateways: readonly string[]): Promise<Maps> {
  const answers = await Promise.all(
    gateways.map((gateway) => ask(gateway, {method: 'GET', path: '/v1/daemon?what=smap'})),
  )
  const seen = answers
    .filter((one) => one?.status === 200)
    .map((one) => JSON.parse(String(one?.body)) as SmapShape)
  return seen.map((map) => ({
    uuid: map.uuid,
    version: Number(map.version),
    nodes: [...Object.keys(map.pmap), ...Object.keys(map.tmap)].sort(),
    away: Object.keys(map.ext?.abs ?? {}),
  }))
}

interface SmapShape {
  readonly uuid: string
  readonly version: string
  readonly pmap: Readonly<Record<string, unknown>>
  readonly tmap: Readonly<Record<string, unknown>>
  readonly ext?: {readonly abs?: Readonly<Record<string, unknown>>}
}

interface MadeObject {
  readonly note: Acknowledged
  readonly content: Uint8Array<ArrayBuffer>
}

/** Sizes are spread evenly over the powers of two; one in sixteen objects is empty. */
function makeObject({prefix, bytesMax}: WriteOrder, number: number): MadeObject {
  const drawn = number % 16 === 0 ? 0 : Math.floor(Math.exp(Math.random() * Math.log(bytesMax)))
  const bytes = drawn <= bytesLeft ? drawn : Math.min(drawn, SMALL)
  bytesLeft -= bytes
  const content = Uint8Array.from(randomBytes(bytes))
  const name = `${prefix}/${String(number).padStart(6, '0')}`
  return {content, note: {name, bytes, sha256: createHash('sha256').update(content).digest('hex')}}
}

async function put(gateway: string, bucket: string, {note, content}: MadeObject): Promise<boolean> {
  const path = `/v1/objects/${bucket}/${note.name}`
  const answer = await ask(gateway, {method: 'PUT', path, body: content})
  return answer?.status === 200
}

async function readUntil(
  gateway: string,
  bucket: string,
  {name, sha256}: Acknowledged,
  deadline: number,
): Promise<Found['state']> {
  for (;;) {
    const answer = await ask(gateway, {method: 'GET', path: `/v1/objects/${bucket}/${name}`})
    if (answer?.status === 200) {
      const is = createHash('sha256')
        .update(answer.body ?? '')
        .digest('hex')
      return is === sha256 ? 'right' : 'wrong'
    }
    // 404 is an answer, and for an acknowledged object the wrong one.
    if (answer?.status === 404) return 'not found'
    if (performance.now() > deadline) return 'out of reach'
    await sleep(RETRY_PAUSE_MS)
  }
}

async function list(gateway: string, bucket: string): Promise<string[]> {
  const names: string[] = []
  let token = ''
  do {
    const value = {props: 'name', pagesize: LIST_PAGE, continuation_token: token}
    const answer = await ask(gateway, {
      method: 'GET',
      path: `/v1/buckets/${bucket}`,
      body: Buffer.from(JSON.stringify({action: 'list', value})),
      headers: {'content-type': 'application/json', 'accept': 'application/json'},
    })
    if (answer?.status !== 200) throw new Error(`list: ${answer?.status} ${String(answer?.body)}`)
    const page = JSON.parse(String(answer.body)) as ListShape
    names.push(...(page.entries ?? []).map((entry) => entry.name ?? entry.n ?? ''))
    token = page.continuation_token ?? ''
  } while (token !== '')
  return names
}

interface ListShape {
  readonly entries?: readonly {readonly name?: string; readonly n?: string}[] | null
  readonly continuation_token?: string
}

/** Gives up on a server that says nothing; the connection to it is not used again. */
async function ask(endpoint: string, request: Ask): Promise<Answer | undefined> {
  const client = createClient()
  const silence = new AbortController()
  try {
    return await Promise.race([
      client.ask(endpoint, {keepBody: true, ...request}),
      sleep(TRY_TIMEOUT_MS, undefined, {signal: silence.signal}),
    ])
  } catch {
    // Refused, reset, or gone in the middle: no answer.
    return undefined
  } finally {
    silence.abort()
    client.close()
  }
}

async function inParallel(count: number, work: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({length: count}, work))
}
