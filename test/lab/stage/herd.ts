/**
 * Many objects, each with a promise of its own: written in versions, overwritten, deleted, read all
 * along. Every try and every sighting is noted; in the end each object is what was acknowledged
 * last, and the list is the ledger exactly. A client gives up on a request as late as operators
 * do, and what it met until then is counted.
 */

import {setTimeout as sleep} from 'node:timers/promises'
import type {Ask} from '../../bench/http-client.ts'
import {Connections, listNames, nowMs, type Reply} from './http.ts'
import {type Content, Ledger, makeBody, sha256} from './ledger.ts'
import {inParallel} from './load.ts'

export interface HerdOptions {
  readonly gateways: readonly string[]
  /** It has to exist, and hold nothing else below the name. */
  readonly bucket: string
  /** Part of all names. */
  readonly name: string
  readonly bytesMax?: number
  /** How long one operation is tried again. */
  readonly patienceMs?: number
}

/** What was not as promised: names, or what was seen of them. */
export interface Verdict {
  /** An acknowledged overwrite is gone: an older content is back. */
  readonly reverted: readonly string[]
  /** What was deleted is there again. */
  readonly undone: readonly string[]
  /** What was written is not found. */
  readonly lost: readonly string[]
  /** Contents that nobody wrote, or that cannot be read. */
  readonly unreadable: readonly string[]
  /** Answers that were wrong when they were given: the key, and what was said. */
  readonly lies: readonly string[]
  /** How the list differs from the ledger; undefined: there was none. */
  readonly listed: readonly string[] | undefined
}

/** Requests on their way at the same time. */
const AT_ONCE = 20
const BYTES_MAX = 2048
const PATIENCE_MS = 30_000
const AGAIN_MS = 50
const LIST_AGAIN_MS = 250

/** So many objects are asked for by HEAD, too, when all are read. */
const HEADS_MAX = 6000

/** What a read has shown. `content` undefined: only that the object exists. */
interface Sighting {
  readonly by: 'GET' | 'HEAD' | 'DELETE'
  readonly key: string
  readonly content: Content | undefined
  readonly startMs: number
  readonly endMs: number
}

/** A number of operations of one kind. */
export interface Done {
  readonly done: number
  /** Tries that were neither done nor answered for good: 503, connections that ended. */
  readonly again: number
  /** Operations that were given up. */
  readonly givenUp: number
  /** The longest time until one was done. */
  readonly slowestMs: number
}

export class Herd {
  readonly ledger = new Ledger()
  readonly #options: HerdOptions
  readonly #connections = new Connections()
  readonly #sightings: Sighting[] = []
  readonly #refusals = new Map<string, number>()
  #gateways: readonly string[]
  #turn = 0
  #ended = false

  constructor(options: HerdOptions) {
    this.#options = options
    this.#gateways = options.gateways
  }

  get bucket(): string {
    return this.#options.bucket
  }

  /** From now on only these gateways are asked. */
  use(gateways: readonly string[]): void {
    this.#gateways = gateways
  }

  /** Answers that were neither success nor "not found", with how often each came. */
  get refusals(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#refusals)
  }

  /** Names of so many objects, the first with this number. */
  names(count: number, first = 0): readonly string[] {
    return Array.from({length: count}, (_, number) => `${this.#options.name}/${first + number}`)
  }

  /** Writes a new content to each of these. */
  write(keys: readonly string[], versions = 1): Promise<Done> {
    return this.#each(keys, async (key, tally) => {
      for (let version = 0; version < versions; version += 1) await this.#write(key, tally)
    })
  }

  /** Deletes each of these. */
  remove(keys: readonly string[]): Promise<Done> {
    return this.#each(keys, (key, tally) => this.#remove(key, tally))
  }

  /** What is under way is given up at its next try, and nothing new is begun. */
  end(): void {
    this.#ended = true
    this.#connections.close()
  }

  /** From now on these may be gone: whoever held them was given up. */
  giveUp(keys: readonly string[]): void {
    const now = nowMs()
    for (const key of keys) {
      const times = {startMs: now, endMs: now}
      this.ledger.note({by: 'operator', key, content: null, ...times, outcome: 'unknown'})
    }
  }

  /** Reads these by turns, HEAD and GET, until it is told to stop; then how that went. */
  watch(keys: readonly string[], readers: number, pauseMs = 2): () => Promise<Done> {
    let ended = false
    const tally = newTally()
    const loop = inParallel(readers, async () => {
      while (!ended) {
        const key = keys[Math.floor(Math.random() * keys.length)] ?? ''
        await this.#look(key, Math.random() < 0.5 ? 'HEAD' : 'GET', tally)
        await sleep(pauseMs)
      }
    })
    return async () => {
      ended = true
      await loop
      return tally
    }
  }

  /** Reads everything and lists everything. */
  async judge(): Promise<Verdict> {
    const verdict = {
      reverted: [] as string[],
      undone: [] as string[],
      lost: [] as string[],
      unreadable: [] as string[],
    }
    const tally = newTally()
    const keys = this.ledger.keys.entries()
    const headEvery = Math.ceil(this.ledger.keys.length / HEADS_MAX)
    await inParallel(AT_ONCE, async () => {
      for (const [number, key] of keys) {
        const content = await this.#look(key, 'GET', tally)
        if (number % headEvery === 0) await this.#look(key, 'HEAD', tally)
        if (content === undefined) verdict.unreadable.push(key)
        else if (!this.ledger.allows(key, content)) verdict[this.#wrongHow(key, content)].push(key)
      }
    })
    const listed = await this.#compareList()
    this.#connections.close()
    return {...verdict, listed, lies: this.#lies()}
  }

  #wrongHow(key: string, content: Content): 'reverted' | 'undone' | 'lost' | 'unreadable' {
    if (content === null) return 'lost'
    if (this.ledger.mustBeGone(key)) return 'undone'
    return this.ledger.everHad(key, content) ? 'reverted' : 'unreadable'
  }

  /** Sightings that the ledger does not allow, by what was known when they were made. */
  #lies(): readonly string[] {
    return this.#sightings
      .filter(({key, content, startMs, endMs}) => {
        const possible = this.ledger.possible(key, startMs, endMs)
        if (content === undefined) return !possible.some((one) => one !== null)
        return !possible.includes(content)
      })
      .map(({by, key, content}) => `${by} ${key}: ${content === null ? 404 : (content ?? 200)}`)
  }

  async #compareList(): Promise<readonly string[] | undefined> {
    const deadline = nowMs() + (this.#options.patienceMs ?? PATIENCE_MS)
    for (;;) {
      const names = await listNames(this.#gateways[0] ?? '', this.#options.bucket)
      if (names !== undefined) return this.compare(names)
      if (nowMs() > deadline) return undefined
      await sleep(LIST_AGAIN_MS)
    }
  }

  /** How a list differs from the ledger. */
  compare(names: readonly string[]): readonly string[] {
    const prefix = `${this.#options.name}/`
    const ours = names.filter((name) => name.startsWith(prefix))
    const set = new Set(ours)
    const {ledger} = this
    return [
      ...ledger.keys
        .filter((key) => !set.has(key) && ledger.mustExist(key))
        .map(withWord('not in')),
      ...ours.filter((key) => ledger.mustBeGone(key)).map(withWord('deleted, but in')),
      ...(set.size === ours.length ? [] : ['a name is listed twice']),
    ]
  }

  async #each(
    keys: readonly string[],
    act: (key: string, tally: Tally) => Promise<void>,
  ): Promise<Done> {
    const tally = newTally()
    const waiting = keys.values()
    await inParallel(AT_ONCE, async () => {
      for (const key of waiting) if (!this.#ended) await act(key, tally)
    })
    return tally
  }

  async #write(key: string, tally: Tally): Promise<void> {
    const {body, content} = makeBody(1 + Math.floor(Math.random() * this.#bytesMax))
    await this.#until(tally, async () => {
      const reply = await this.#ask({method: 'PUT', path: this.#path(key), body})
      this.#note(key, content, reply, reply.status === 200)
      return reply.status === 200 ? undefined : reply
    })
  }

  async #remove(key: string, tally: Tally): Promise<void> {
    await this.#until(tally, async () => {
      const reply = await this.#ask({method: 'DELETE', path: this.#path(key)})
      const {status, startMs, endMs} = reply
      if (status === 404) this.#sightings.push({by: 'DELETE', key, content: null, startMs, endMs})
      const done = status === 200 || status === 204 || status === 404
      this.#note(key, null, reply, done)
      return done ? undefined : reply
    })
  }

  /** @returns undefined when nobody said anything in time */
  async #look(key: string, by: 'GET' | 'HEAD', tally: Tally): Promise<Content | undefined> {
    let seen: Content | undefined
    await this.#until(tally, async () => {
      const reply = await this.#ask({method: by, path: this.#path(key)})
      const {status, body, startMs, endMs} = reply
      if (status !== 200 && status !== 404) return reply
      seen = status === 404 ? null : by === 'GET' ? sha256(body) : undefined
      this.#sightings.push({by, key, content: seen, startMs, endMs})
      return undefined
    })
    return seen
  }

  /** Tries until there is nothing left to complain about, or patience ends. */
  async #until(tally: Tally, act: () => Promise<Reply | undefined>): Promise<void> {
    const beganMs = nowMs()
    const deadline = beganMs + (this.#options.patienceMs ?? PATIENCE_MS)
    for (;;) {
      const complaint = await act()
      if (complaint === undefined) {
        tally.done += 1
        tally.slowestMs = Math.max(tally.slowestMs, nowMs() - beganMs)
        return
      }
      tally.again += 1
      const {status, text, failure} = complaint
      const said = /"message":"([^"]*)"/.exec(text)?.[1] ?? text
      const words = `${status} ${failure} ${said.replaceAll(/\d{3,}|[^\s]*[/:][^\s]*/g, '*')}`
      this.#refusals.set(words, 1 + (this.#refusals.get(words) ?? 0))
      if (nowMs() > deadline || this.#ended) {
        tally.givenUp += 1
        return
      }
      await sleep(AGAIN_MS)
    }
  }

  #note(key: string, content: Content, reply: Reply, done: boolean): void {
    const {status, failure, startMs, endMs} = reply
    const refused = failure === 'refused' || (status >= 400 && status < 500)
    const outcome = done ? 'acknowledged' : refused ? 'refused' : 'unknown'
    this.ledger.note({by: 'herd', key, content, startMs, endMs, outcome})
  }

  async #ask(ask: Ask): Promise<Reply> {
    this.#turn += 1
    const gateway = this.#gateways[this.#turn % this.#gateways.length] ?? ''
    return this.#connections.ask(gateway, ask)
  }

  #path(key: string): string {
    return `/v1/objects/${this.#options.bucket}/${key}`
  }

  get #bytesMax(): number {
    return this.#options.bytesMax ?? BYTES_MAX
  }
}

interface Tally {
  done: number
  again: number
  givenUp: number
  slowestMs: number
}

function newTally(): Tally {
  return {done: 0, again: 0, givenUp: 0, slowestMs: 0}
}

function withWord(words: string): (key: string) => string {
  return (key) => `${key}: ${words} the list`
}
