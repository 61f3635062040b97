/**
 * One request over a connection of its own, with a bound; and the clock that all processes of a run
 * share. No answer is a value here: to be refused is what these clients are for.
 */

import {setTimeout as sleep} from 'node:timers/promises'
import {type Ask, type Client, createClient} from '../../bench/http-client.ts'

/** Nobody who waits longer for one answer is served. */
const ANSWER_MS_MAX = 15_000

export interface Reply {
  /** 0: no answer. */
  readonly status: number
  readonly text: string
  readonly body: Buffer
  /**
   * Why there was no answer: `refused` when nothing of the request can have been done. `reset`: so
   * it looks, too, when a listener closes before it has accepted.
   */
  readonly failure: '' | 'refused' | 'reset' | 'silent' | 'cut'
  readonly startMs: number
  readonly endMs: number
}

/** Monotonic milliseconds of this machine: the same in every process. */
export function nowMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000
}

/** Asks once. Redirects are followed. */
export async function request(
  endpoint: string,
  ask: Ask,
  timeoutMs = ANSWER_MS_MAX,
): Promise<Reply> {
  const client = createClient()
  try {
    return await requestOver(client, endpoint, ask, timeoutMs)
  } finally {
    client.close()
  }
}

/** Asks once over a client's connections; after a failure they are not to be used again. */
async function requestOver(
  client: Client,
  endpoint: string,
  ask: Ask,
  timeoutMs: number,
): Promise<Reply> {
  const silence = new AbortController()
  const startMs = nowMs()
  const reply = (part: Partial<Reply>): Reply => {
    const none = {status: 0, text: '', body: Buffer.alloc(0), failure: '' as const}
    return {...none, ...part, startMs, endMs: nowMs()}
  }
  try {
    const answer = await Promise.race([
      client.ask(endpoint, {...ask, keepBody: true}),
      sleep(timeoutMs, undefined, {signal: silence.signal}),
    ])
    if (answer === undefined) return reply({failure: 'silent', text: `silent for ${timeoutMs} ms`})
    const body = answer.body ?? Buffer.alloc(0)
    return reply({status: answer.status, body, text: body.toString('utf8', 0, 500)})
  } catch (error) {
    const text = (error as Error).message
    // What was redirected may have been refused at its second station: nothing was done either way.
    const words = {ECONNREFUSED: 'refused', ECONNRESET: 'reset'} as const
    const found = Object.entries(words).find(([word]) => text.includes(word))
    return reply({failure: found?.[1] ?? 'cut', text})
  } finally {
    silence.abort()
  }
}

/**
 * Connections that are used again, for many requests: what is kept alive may have been closed by
 * the other side meanwhile, and then it looks as if the request had been cut.
 */
export class Connections {
  readonly #idle: Client[] = []

  async ask(endpoint: string, ask: Ask, timeoutMs = ANSWER_MS_MAX): Promise<Reply> {
    const client = this.#idle.pop() ?? createClient()
    const reply = await requestOver(client, endpoint, ask, timeoutMs)
    if (reply.failure === '') this.#idle.push(client)
    else client.close()
    return reply
  }

  close(): void {
    for (const client of this.#idle.splice(0)) client.close()
  }
}

/** A control call: an action message. */
export function action(
  method: Ask['method'],
  path: string,
  message: {readonly action: string; readonly name?: string; readonly value?: unknown},
): Ask {
  const headers = {'content-type': 'application/json'}
  return {method, path, body: Buffer.from(JSON.stringify(message)), headers}
}

/** What a node says to `GET path`, parsed; undefined when it says nothing or no. */
export async function readJson<T>(
  endpoint: string,
  path: string,
  timeoutMs?: number,
): Promise<T | undefined> {
  const {status, body} = await request(endpoint, {method: 'GET', path}, timeoutMs)
  return status === 200 ? (JSON.parse(body.toString()) as T) : undefined
}

const LIST_PAGE = 1000

/** Names of all objects of a bucket, as listed; undefined when a page is refused. */
export async function listNames(
  endpoint: string,
  bucket: string,
): Promise<readonly string[] | undefined> {
  interface Page {
    readonly entries?: readonly {readonly name?: string; readonly n?: string}[] | null
    readonly continuation_token?: string
  }
  const names: string[] = []
  let token = ''
  do {
    const value = {props: 'name', pagesize: LIST_PAGE, continuation_token: token}
    const ask = action('GET', `/v1/buckets/${bucket}`, {action: 'list', value})
    const headers = {...ask.headers, accept: 'application/json'}
    const {status, body} = await request(endpoint, {...ask, headers})
    if (status !== 200) return undefined
    const page = JSON.parse(body.toString()) as Page
    names.push(...(page.entries ?? []).map((entry) => entry.name ?? entry.n ?? ''))
    token = page.continuation_token ?? ''
  } while (token !== '')
  return names
}
