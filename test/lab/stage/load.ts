/**
 * Light load with nothing hidden: readers of objects that nobody changes, writers that overwrite
 * their own keys, an administrator that changes buckets. Every try is noted.
 */

import {setTimeout as sleep} from 'node:timers/promises'
import type {Ask} from '../../bench/http-client.ts'
import {action, listNames, nowMs, type Reply, request} from './http.ts'
import {Ledger, makeBody, sha256} from './ledger.ts'

export interface LoadOptions {
  readonly gateways: readonly string[]
  /** It has to exist. */
  readonly bucket: string
  /** Part of all names, so that two loads do not meet. */
  readonly name: string
  readonly readers?: number
  readonly writers?: number
  readonly adminEveryMs?: number
  readonly pauseMs?: number
}

/** A request that was not answered as it should be. */
export interface Failure {
  readonly what: string
  readonly atMs: number
  readonly text: string
}

const STATIC_OBJECTS = 64
/** What a list of buckets shows of one that nobody has changed. */
export const BUCKET_ANEW = 'bucket'
const CHANGED = ['changed-0', 'changed-1', 'changed-2', 'changed-3']
const KEYS_PER_WRITER = 16
const BODY_BYTES = 8192
const VERIFY_MS_MAX = 60_000
const VERIFY_PAUSE_MS = 100
const AT_ONCE = 8

export class Load {
  readonly objects = new Ledger()
  readonly buckets = new Ledger()
  readonly failures: Failure[] = []
  readonly #resets: {readonly gateway: string; readonly atMs: number}[] = []
  readonly #options: LoadOptions
  readonly #static = new Map<string, string>()
  readonly #slowest = new Map<string, {readonly atMs: number; readonly tookMs: number}[]>()
  #gateways: readonly string[]
  #turn = 0
  #loops: readonly Promise<void>[] = []
  #ended = false

  constructor(options: LoadOptions) {
    this.#options = options
    this.#gateways = options.gateways
  }

  /** Writes what the readers read, with patience; then starts all loops. */
  async start(): Promise<void> {
    const numbers = Array.from({length: STATIC_OBJECTS}, (_, number) => number).values()
    await inParallel(AT_ONCE, async () => {
      for (const number of numbers) await this.#prepare(`static/${number}`)
    })
    await this.#prepareBuckets()
    const {readers = 2, writers = 2, adminEveryMs = 250} = this.#options
    const times = (count: number, loop: (at: number) => Promise<void>): Promise<void>[] =>
      Array.from({length: count}, (_, at) => loop(at))
    this.#loops = [
      ...times(readers, () => this.#read()),
      ...times(writers, (at) => this.#write(at)),
      ...times(adminEveryMs > 0 ? 1 : 0, () => this.#administer(adminEveryMs)),
    ]
  }

  /** From now on only these gateways are asked. */
  use(gateways: readonly string[]): void {
    this.#gateways = gateways
  }

  async end(): Promise<void> {
    this.#ended = true
    await Promise.all(this.#loops)
  }

  /** Failures of this kind since then. */
  failuresOf(what: 'read' | 'write' | 'admin', sinceMs = 0): readonly Failure[] {
    return this.failures.filter((one) => one.what === what && one.atMs >= sinceMs)
  }

  /** Connections since then that ended without an answer, to gateways that are still in use. */
  resetsSince(sinceMs: number): number {
    return this.#resets.filter(({gateway, atMs}) => {
      return atMs >= sinceMs && this.#gateways.includes(gateway)
    }).length
  }

  /** Waits until a change that began since then was acknowledged; how long none was. */
  async changesAgain(sinceMs: number, timeoutMs: number): Promise<number> {
    const deadline = nowMs() + timeoutMs
    const beganMs = nowMs()
    const done = (): boolean => this.buckets.some((one) => one.startMs >= beganMs)
    while (!done() && nowMs() < deadline) await sleep(VERIFY_PAUSE_MS / 10)
    return this.buckets.longestGapMs('admin', sinceMs, nowMs())
  }

  /** The longest answer to a request of this kind that ended since then. */
  slowestMs(what: 'read' | 'write' | 'admin', sinceMs = 0): number {
    const some = (this.#slowest.get(what) ?? []).filter(({atMs}) => atMs >= sinceMs)
    return Math.max(0, ...some.map(({tookMs}) => tookMs))
  }

  /** Reads all that was promised, with patience for what is out of reach; what is wrong. */
  async lost(): Promise<readonly string[]> {
    const wrong: string[] = []
    const deadline = nowMs() + VERIFY_MS_MAX
    const keys = this.objects.keys.values()
    await inParallel(AT_ONCE, async () => {
      for (const key of keys) {
        const {status, body} = await this.#readPatiently(key, deadline)
        const content = status === 200 ? sha256(body) : status === 404 ? null : undefined
        if (content === undefined) wrong.push(`${key}: status ${status}`)
        else if (!this.objects.allows(key, content)) wrong.push(`${key}: ${content ?? 'not found'}`)
      }
    })
    return wrong
  }

  /** How the list of the bucket differs from what was promised; undefined while there is none. */
  async listed(): Promise<readonly string[] | undefined> {
    const names = await listNames(this.#gateways[0] ?? '', this.#options.bucket)
    if (names === undefined) return undefined
    const set = new Set(names)
    return [
      ...this.objects.keys.filter((key) => !set.has(key) && this.objects.mustExist(key)),
      ...this.objects.keys.filter((key) => set.has(key) && this.objects.mustBeGone(key)),
      ...(set.size === names.length ? [] : ['a name is listed twice']),
    ]
  }

  /** What the nodes' lists of buckets contradict. */
  contradicted(lists: readonly ReadonlyMap<string, string>[]): readonly string[] {
    const promised = this.buckets.keys.filter((name) => this.buckets.wasPromised(name))
    return promised.flatMap((name) =>
      lists
        .map((list) => list.get(name) ?? null)
        .filter((content) => !this.buckets.allows(name, content))
        .map((content) => `bucket ${name} is ${content ?? 'gone'}`),
    )
  }

  /** Makes the buckets that the administrator changes, with patience. */
  async #prepareBuckets(): Promise<void> {
    for (const name of CHANGED) {
      const deadline = nowMs() + VERIFY_MS_MAX
      const create = action('POST', `/v1/buckets/${name}`, {action: 'create-bck'})
      for (;;) {
        const {status, text, startMs, endMs} = await this.#ask(create)
        // What it was before, nobody has promised.
        const note = {by: 'admin', key: name, content: BUCKET_ANEW, startMs, endMs}
        if (status === 200) this.buckets.note({...note, outcome: 'acknowledged'})
        if (status === 200 || status === 409) break
        if (nowMs() > deadline) throw new Error(`${name} is not made: ${status} ${text}`)
        await sleep(VERIFY_PAUSE_MS)
      }
    }
  }

  async #prepare(name: string): Promise<void> {
    const {body, content} = makeBody(BODY_BYTES)
    const deadline = nowMs() + VERIFY_MS_MAX
    for (;;) {
      const {status, text} = await this.#ask({method: 'PUT', path: this.#path(name), body})
      if (status === 200) break
      if (nowMs() > deadline) throw new Error(`${name} is not taken: ${status} ${text}`)
      await sleep(VERIFY_PAUSE_MS)
    }
    this.#static.set(name, content)
  }

  async #read(): Promise<void> {
    const {pauseMs = 25} = this.#options
    while (!this.#ended) {
      const name = `static/${Math.floor(Math.random() * STATIC_OBJECTS)}`
      const reply = await this.#ask({method: 'GET', path: this.#path(name)})
      const right = reply.status === 200 && sha256(reply.body) === this.#static.get(name)
      this.#time('read', reply)
      if (!right) this.#fail('read', reply, name)
      await sleep(pauseMs)
    }
  }

  async #write(writer: number): Promise<void> {
    const {pauseMs = 25, name} = this.#options
    for (let number = 0; !this.#ended; number += 1) {
      const key = `${name}-${writer}/${number % KEYS_PER_WRITER}`
      const remove = number % 10 === 9
      const {body, content} = makeBody(1 + Math.floor(Math.random() * BODY_BYTES))
      const reply = remove
        ? await this.#ask({method: 'DELETE', path: this.#path(key)})
        : await this.#ask({method: 'PUT', path: this.#path(key), body})
      const done = reply.status === 200 || reply.status === 204 || (remove && reply.status === 404)
      const outcome = done ? 'acknowledged' : outcomeOf(reply)
      const {startMs, endMs} = reply
      const by = `writer ${writer}`
      this.objects.note({by, key, content: remove ? null : content, startMs, endMs, outcome})
      this.#time('write', reply)
      if (!done) this.#fail('write', reply, key)
      await sleep(pauseMs)
    }
  }

  /** Changes a property of some buckets in turn, each time to a number that it never had. */
  async #administer(everyMs: number): Promise<void> {
    for (let number = Math.floor(Date.now() / 100); !this.#ended; number += 1) {
      const name = CHANGED[number % CHANGED.length] ?? ''
      const reply = await this.#ask(changeOf(name, number))
      const {status, startMs, endMs} = reply
      const outcome = status === 200 ? 'acknowledged' : outcomeOf(reply)
      this.buckets.note({by: 'admin', key: name, content: `${number}`, startMs, endMs, outcome})
      this.#time('admin', reply)
      if (status !== 200) this.#fail('admin', reply, name)
      await sleep(everyMs)
    }
  }

  /**
   * The next gateway, and the one after it when nobody listens there, or when nobody does any more:
   * what a closing listener has not accepted is reset by the kernel. All that is asked here may be
   * asked twice.
   */
  async #ask(ask: Ask): Promise<Asked> {
    const gateways = this.#gateways
    let reply: Asked | undefined
    this.#turn += 1
    const first = this.#turn
    for (let tries = 0; tries < gateways.length; tries += 1) {
      const gateway = gateways[(first + tries) % gateways.length] ?? ''
      const {startMs, failure, ...next} = await request(gateway, ask)
      // The try before may have been done after all.
      const open = failure === 'refused' && reply?.failure === 'reset'
      const known = {startMs: reply?.startMs ?? startMs, failure: open ? 'reset' : failure} as const
      reply = {...next, ...known, gateway}
      if (failure === 'reset') this.#resets.push({gateway, atMs: reply.endMs})
      else if (failure !== 'refused') return reply
    }
    if (reply === undefined) throw new Error('a load without gateways')
    return reply
  }

  async #readPatiently(key: string, deadline: number): Promise<Reply> {
    for (;;) {
      const reply = await this.#ask({method: 'GET', path: this.#path(key)})
      if (reply.status === 200 || reply.status === 404 || nowMs() > deadline) return reply
      await sleep(VERIFY_PAUSE_MS)
    }
  }

  #path(name: string): string {
    return `/v1/objects/${this.#options.bucket}/${name}`
  }

  #fail(what: Failure['what'], {status, text, endMs, gateway}: Asked, key: string): void {
    // Who is about to end is given up first; what was under way there is lost with it.
    if (!this.#gateways.includes(gateway)) return
    this.failures.push({what, atMs: endMs, text: `${key}: ${status} ${text.slice(0, 200)}`})
  }

  #time(what: string, {startMs, endMs}: Reply): void {
    const known = this.#slowest.get(what) ?? []
    known.push({atMs: endMs, tookMs: endMs - startMs})
    this.#slowest.set(what, known)
  }
}

/** A reply, and who was asked last. */
type Asked = Reply & {readonly gateway: string}

function changeOf(name: string, number: number): Ask {
  const value = {lru: {batch_size: number}}
  return action('PATCH', `/v1/buckets/${name}`, {action: 'set-bprops', value})
}

/** Refused with certainty, or nobody knows: a 503 may be said after the write was made. */
function outcomeOf({status, failure}: Reply): 'refused' | 'unknown' {
  return failure === 'refused' || (status >= 400 && status < 500) ? 'refused' : 'unknown'
}

/** So many at a time take from the same work. */
export async function inParallel(count: number, work: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({length: count}, work))
}
