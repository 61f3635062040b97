/**
 * Clients of a few keys: they put, get, head and delete through any gateway, keep redirects that
 * are long out of date, wait for a while in the middle, and remember what they did and heard.
 */

import {newestEntry, ownerUnder, ringOf} from '../../../src/core/objects/ring.ts'
import {objectDigest} from '../../../src/core/placement/locate.ts'
import {endpointUrl} from '../../../src/model/node.ts'
import {encodeAction} from '../../../src/wire/action.ts'
import {HEADER} from '../../../src/wire/headers.ts'
import {objectPath} from '../../../src/wire/paths.ts'
import {encodeLocation} from '../../../src/wire/redirect.ts'
import type {Clock} from '../world/clock.ts'
import type {SimProcess} from '../world/process.ts'
import type {Random} from '../world/random.ts'
import {simBucket} from '../world/workload.ts'
import type {SimAnswer, SimRequest} from './exchange.ts'
import {NOTHING, type History, type Operation} from './history.ts'
import type {Links} from './links.ts'
import type {ObjectNode} from './node.ts'
import {contentOf, valueOf} from './values.ts'

export interface Clients {
  /** Every client begins; each does one thing after the other until told to stop. */
  readonly start: () => void
  readonly stop: () => void
  /** Reads a key until it is answered; null when it never was. */
  readonly readAtEnd: (history: History, tries: number, done: (heard: boolean) => void) => void
  /** What was put under a checksum; undefined: nobody did. */
  readonly valueOfChecksum: (key: string, checksum: string) => number | undefined
  /** Operations under way. */
  readonly open: () => number
  readonly counts: Readonly<Record<string, number>>
}

export interface ClientDeps {
  readonly clock: Clock
  readonly random: Random
  readonly links: Links
  readonly gateways: readonly SimProcess[]
  readonly nodeAt: (port: number) => ObjectNode | undefined
  readonly histories: readonly History[]
  readonly clients: number
  readonly pauseMs: number
  /** How often a client follows a redirect that was given for an earlier request of the key. */
  readonly staleRatio: number
  /** A disk that cannot be read leaves open whether a delete found something. */
  readonly disksAreWell: boolean
  /** XXH64 as the store computes it. */
  readonly hash: (bytes: Uint8Array) => string
  readonly violate: (invariant: string, detail: string) => void
}

const BUCKET = simBucket('objects')
const HOPS_MAX = 6
const TIMEOUT_MS = 12_000
/** How often a client waits between the redirect and the request, and how long. */
const DAWDLE_RATIO = 0.06
const DAWDLE_MS = 8000
/** Redirects that clients remember per key. */
const LOCATIONS_KEPT = 40
const FINAL_PAUSE_MS = 400
/** A client that was refused waits for about so long. */
const REFUSED_MS = 200
/** Sizes of content: read in one call, through a descriptor, written in several blocks. */
const SIZES = [100, 100, 100, 100, 1000, 70_000, 200_000] as const
const PIECES_MAX = 4

/** What each method is to a register. */
const KINDS = {PUT: 'put', DELETE: 'delete', GET: 'read', HEAD: 'read', PATCH: 'patch'} as const
/** How often clients do what. */
const MIX: readonly (keyof typeof KINDS)[] = [
  ...Array<'PUT'>(28).fill('PUT'),
  ...Array<'DELETE'>(12).fill('DELETE'),
  ...Array<'GET'>(40).fill('GET'),
  ...Array<'HEAD'>(12).fill('HEAD'),
  ...Array<'PATCH'>(8).fill('PATCH'),
]

/** One operation under way. */
interface Call {
  readonly history: History
  readonly operation: Operation
  readonly method: keyof typeof KINDS
  readonly content: Buffer
  /** This client never waits in the middle, nor follows old redirects. */
  readonly prompt: boolean
  /** Called once, when nothing more is expected. */
  readonly done: (heard: boolean) => void
}

export function createClients(deps: ClientDeps): Clients {
  const {clock, random, links, histories} = deps
  const counts: Record<string, number> = {}
  const locations = new Map<string, string[]>()
  const hashes = new Map<string, number>()
  let serial = 0
  let open = 0
  let stopped = false

  function count(name: string): void {
    counts[name] = (counts[name] ?? 0) + 1
  }

  function live(client: number, waits = 0): void {
    if (stopped) return
    clock.after(waits + random.exp(deps.pauseMs), () => {
      if (!stopped) begin(client, (heard) => live(client, heard ? 0 : random.exp(REFUSED_MS)))
    })
  }

  function begin(client: number, done: Call['done']): void {
    const history = random.pick(histories)
    const method = random.pick(MIX)
    const kind = KINDS[method]
    serial += method === 'PUT' ? 1 : 0
    const value = method === 'PUT' ? serial : NOTHING
    const content = bodyOf(method, history.key, value)
    if (method === 'PUT') hashes.set(`${history.key} ${deps.hash(content)}`, value)
    const operation = history.begin({kind, client, atMs: clock.nowMs(), value})
    open++
    const ended = (heard: boolean): void => {
      open--
      done(heard)
    }
    send({history, operation, method, content, prompt: false, done: ended})
  }

  function bodyOf(method: Call['method'], key: string, value: number): Buffer {
    if (method === 'PUT') return contentOf(key, value, random.pick(SIZES) + value)
    if (method !== 'PATCH') return EMPTY
    return Buffer.from(encodeAction({action: '', value: {mark: String(random.int(1, 1000))}}))
  }

  function send(call: Call): void {
    const known = locations.get(call.history.key) ?? []
    if (known.length > 0 && !call.prompt && random.chance(deps.staleRatio))
      return follow(call, random.pick(known), 0)
    const gateway = random.pick(deps.gateways)
    clock.after(random.exp(1), () => {
      const location = locate(gateway, call.history.key)
      if (location === null) return end(call, {outcome: 'refused', by: gateway.facts.self.id})
      locations.set(call.history.key, [...known, location].slice(-LOCATIONS_KEPT))
      const waits =
        !call.prompt && random.chance(DAWDLE_RATIO) ? random.exp(DAWDLE_MS) : random.exp(1)
      clock.after(waits, () => follow(call, location, 0))
    })
  }

  function follow(call: Call, location: string, hops: number): void {
    const url = new URL(location)
    const node = deps.nodeAt(Number(url.port))
    if (node === undefined || hops > HOPS_MAX) return end(call, {outcome: 'refused', by: 'nobody'})
    let open = true
    const request: SimRequest = {
      method: call.method,
      url: `${url.pathname}${url.search}`,
      headers: {'Content-Length': String(call.content.byteLength)},
      pieces: piecesOf(call.content, random),
    }
    const hear = (answer: SimAnswer | null): void => {
      if (!open) return
      open = false
      const next = answer?.headers['location']
      if (answer !== null && next !== undefined) return follow(call, next, hops + 1)
      conclude(call, answer, node.process.facts.self.id)
    }
    links.toTarget(node, request, hear)
    clock.after(TIMEOUT_MS, () => {
      if (!open) return
      open = false
      count('timeout')
      end(call, {outcome: 'unknown', by: node.process.facts.self.id})
    })
  }

  function conclude(call: Call, answer: SimAnswer | null, by: string): void {
    if (answer === null) return end(call, {outcome: 'unknown', by})
    count(`${call.method} ${answer.status}`)
    if (call.operation.kind === 'read') return concludeRead(call, answer, by)
    const code = answer.headers[HEADER.errorCode.toLowerCase()]
    if (answer.status === 200) return end(call, {outcome: 'done', by})
    if (call.method === 'DELETE' && code === 'NOTHING_DELETED') {
      return end(call, {outcome: 'done', sawNothing: deps.disksAreWell, by})
    }
    const said = answer.body.toString('utf8')
    const clean = answer.status === 503 && code === 'NOT_READY' && !said.includes('is unknown')
    end(call, {outcome: clean ? 'refused' : 'unknown', by})
  }

  function concludeRead(call: Call, answer: SimAnswer, by: string): void {
    const {key} = call.history
    const code = answer.headers[HEADER.errorCode.toLowerCase()]
    if (answer.status === 404 && code === 'OBJECT_NOT_FOUND') {
      return end(call, {outcome: 'done', value: NOTHING, by})
    }
    if (answer.status !== 200) return end(call, {outcome: 'unknown', by})
    const value =
      call.method === 'GET'
        ? valueOf(key, answer.body)
        : (hashes.get(`${key} ${answer.headers[HEADER.checksumValue.toLowerCase()]}`) ?? null)
    if (value === null) {
      deps.violate('D5', `${by}: ${call.method} of ${key} answers what nobody wrote`)
      return end(call, {outcome: 'unknown', by})
    }
    const stale = answer.headers[HEADER.degraded.toLowerCase()] !== undefined
    if (stale) count('stale read')
    end(call, stale ? {outcome: 'unknown', by} : {outcome: 'done', value, by})
  }

  function end(call: Call, heard: Parameters<History['end']>[1]): void {
    call.history.end(call.operation, heard)
    call.done(heard.outcome === 'done')
  }

  function locate(gateway: SimProcess, key: string): string | null {
    const view = gateway.isPaused() ? undefined : gateway.view()
    const record = view?.record ?? null
    if (view === undefined || record === null || view.stopping) return null
    const entry = newestEntry(ringOf(record))
    const id = entry === undefined ? undefined : ownerUnder(entry, objectDigest(BUCKET, key))
    const owner = id === undefined ? undefined : record.smap.nodes[id]
    if (owner === undefined || owner.away !== null) return null
    return encodeLocation({
      directUrl: endpointUrl(owner.public),
      rawPath: objectPath(BUCKET.name, key),
      rawQuery: 'provider=ais',
      pid: gateway.facts.self.id,
      utmNs: BigInt(Math.floor(clock.nowMs())) * 1_000_000n + 1n,
      fence: record.index,
      hops: 0,
    })
  }

  function readAtEnd(history: History, tries: number, done: (heard: boolean) => void): void {
    const operation = history.begin({kind: 'read', client: 0, atMs: clock.nowMs(), value: NOTHING})
    const again = (heard: boolean): void => {
      if (heard || tries <= 1) return done(heard)
      clock.after(FINAL_PAUSE_MS, () => readAtEnd(history, tries - 1, done))
    }
    send({history, operation, method: 'GET', content: EMPTY, prompt: true, done: again})
  }

  return {
    start: () => {
      for (let client = 1; client <= deps.clients; client++) live(client)
    },
    stop: () => {
      stopped = true
    },
    readAtEnd,
    valueOfChecksum: (key, checksum) => hashes.get(`${key} ${checksum}`),
    open: () => open,
    counts,
  }
}

const EMPTY = Buffer.alloc(0)

function piecesOf(content: Buffer, random: Random): readonly Uint8Array[] {
  if (content.byteLength === 0) return []
  const count = content.byteLength > 1000 ? random.int(1, PIECES_MAX) : 1
  const length = Math.ceil(content.byteLength / count)
  return Array.from({length: count}, (_, at) => content.subarray(at * length, (at + 1) * length))
}
