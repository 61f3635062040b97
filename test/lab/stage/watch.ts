/**
 * Watches every node's own map, asked of the node itself many times a second. Keeps what each said
 * last, what changed and when, and what may never be seen: a version that goes back, one version
 * with two contents, another cluster.
 */

import {setTimeout as sleep} from 'node:timers/promises'
import {createClient} from '../../bench/http-client.ts'
import {succession} from '../../../src/core/placement/next-primary.ts'
import {LEAVING_FLAGS, NODE_FLAG} from '../../../src/model/node.ts'
import {parseJson} from '../../../src/wire/json.ts'
import {decodeSmap} from '../../../src/wire/smap.ts'
import {nowMs} from './http.ts'
import {sha256} from './ledger.ts'
import type {StageNode} from './stage.ts'

const EVERY_MS = 40
/** A node that takes longer is noted as silent, and asked again. */
const SILENT_MS = 1500
const ASK = {method: 'GET', path: '/v1/daemon?what=smap', keepBody: true} as const

/** What one node showed from some moment on. */
export interface Sighting {
  readonly id: string
  readonly atMs: number
  readonly uuid: string
  readonly version: number
  readonly primary: string
  readonly members: readonly string[]
  /** Absent or lost, by id. */
  readonly away: Readonly<Record<string, string>>
  /** Marked for maintenance or removal. */
  readonly flagged: readonly string[]
  readonly learners: readonly string[]
  /** Who stands first when the primary is gone, in order. */
  readonly heirs: readonly string[]
  /** Of the whole map. */
  readonly digest: string
  /** Of what its version stands for: who is away or learns is shown beside it. */
  readonly content: string
}

export class Watch {
  readonly history: Sighting[] = []
  readonly violations: string[] = []
  readonly #nodes: readonly StageNode[]
  readonly #uuid: string
  readonly #last = new Map<string, Sighting>()
  readonly #silent = new Set<string>()
  readonly #contents = new Map<number, Sighting>()
  readonly #twofold = new Set<number>()
  readonly #waiting = new Set<() => void>()
  readonly #loops: readonly Promise<void>[]
  #ended = false

  constructor(nodes: readonly StageNode[], uuid: string, everyMs = EVERY_MS) {
    this.#nodes = nodes
    this.#uuid = uuid
    this.#loops = nodes.map((node) => this.#follow(node, everyMs))
  }

  async end(): Promise<void> {
    this.#ended = true
    await Promise.all(this.#loops)
  }

  /** What the node said last; undefined while it is silent or has no map. */
  of(id: string): Sighting | undefined {
    return this.#silent.has(id) ? undefined : this.#last.get(id)
  }

  /** The map that all these nodes show, if they show one. */
  agreed(ids: readonly string[] = this.#nodes.map(({id}) => id)): Sighting | undefined {
    const seen = ids.map((id) => this.of(id))
    const [first] = seen
    if (first === undefined) return undefined
    return seen.every((one) => one?.digest === first.digest) ? first : undefined
  }

  /** Waits until the look gives something; undefined when it gave nothing in time. */
  async until<T>(
    look: () => T | undefined,
    timeoutMs: number,
  ): Promise<{readonly value: T; readonly atMs: number} | undefined> {
    const deadline = nowMs() + timeoutMs
    for (;;) {
      const value = look()
      const atMs = nowMs()
      if (value !== undefined) return {value, atMs}
      if (atMs > deadline || this.#ended) return undefined
      await this.#nextNews(deadline - atMs)
    }
  }

  /** Sightings since then, of these nodes. */
  since(atMs: number, ids?: readonly string[]): readonly Sighting[] {
    return this.history.filter(
      (one) => one.atMs >= atMs && (ids === undefined || ids.includes(one.id)),
    )
  }

  #nextNews(patienceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, Math.max(1, patienceMs))
      this.#waiting.add(wake)
    })
  }

  async #follow({id, endpoint}: StageNode, everyMs: number): Promise<void> {
    let client = createClient()
    let before: Buffer = Buffer.alloc(0)
    while (!this.#ended) {
      const began = nowMs()
      const body = await askOnce(client, endpoint)
      if (body === undefined) {
        client.close()
        client = createClient()
        this.#noteSilence(id)
      } else if (!body.equals(before) || this.#silent.has(id)) {
        before = body
        this.#note(id, body)
      }
      await sleep(Math.max(5, everyMs - (nowMs() - began)))
    }
    client.close()
  }

  #noteSilence(id: string): void {
    if (this.#silent.has(id)) return
    this.#silent.add(id)
    this.#news()
  }

  #note(id: string, body: Buffer): void {
    const sighting = this.#read(id, body)
    if (sighting === undefined) return
    const before = this.#last.get(id)
    this.#silent.delete(id)
    this.#last.set(id, sighting)
    if (before?.digest !== sighting.digest) {
      this.history.push(sighting)
      this.#judge(sighting, before)
    }
    this.#news()
  }

  /** What cannot be read is no map, and a finding. */
  #read(id: string, body: Buffer): Sighting | undefined {
    try {
      return sightingOf(id, body)
    } catch (error) {
      const text = body.toString('utf8', 0, 200)
      this.violations.push(`${id} shows no map: ${(error as Error).message}: ${text}`)
      return undefined
    }
  }

  #judge(now: Sighting, before: Sighting | undefined): void {
    const {id, uuid, version} = now
    if (uuid !== this.#uuid) this.violations.push(`${id} shows another cluster: ${uuid}`)
    if (before !== undefined && version < before.version) {
      this.violations.push(`${id} went back from version ${before.version} to ${version}`)
    }
    const known = this.#contents.get(version)
    if (known === undefined) this.#contents.set(version, now)
    else if (known.content !== now.content && !this.#twofold.has(version)) {
      this.#twofold.add(version)
      this.violations.push(`version ${version} has two contents: ${words(known)} | ${words(now)}`)
    }
  }

  #news(): void {
    for (const wake of this.#waiting) wake()
  }
}

/** What a map says, in few words. */
function words({id, primary, away, learners, flagged, members}: Sighting): string {
  const some = {primary, away, learners, flagged, members: members.length}
  return `${id} ${JSON.stringify(some)}`
}

async function askOnce(
  client: ReturnType<typeof createClient>,
  endpoint: string,
): Promise<Buffer | undefined> {
  const silence = new AbortController()
  try {
    const answer = await Promise.race([
      client.ask(endpoint, ASK),
      sleep(SILENT_MS, undefined, {signal: silence.signal}),
    ])
    return answer?.status === 200 ? (answer.body ?? undefined) : undefined
  } catch {
    // Refused or reset: the node says nothing.
    return undefined
  } finally {
    silence.abort()
  }
}

function sightingOf(id: string, body: Buffer): Sighting {
  const {uuid, smap} = decodeSmap(parseJson(body.toString()))
  const members = Object.values(smap.nodes)
  // Who is away does not sit in the information center; that flag follows.
  const stripped = members.map(({flags, ...one}) => {
    return {...one, flags: flags & ~NODE_FLAG.informationCenter, away: null, learner: false}
  })
  const away = members.flatMap((one) => (one.away === null ? [] : [[one.id, one.away.kind]]))
  return {
    id,
    atMs: nowMs(),
    uuid,
    version: smap.version,
    primary: smap.primary,
    heirs: succession(smap).filter((one) => one !== smap.primary),
    members: members.map((one) => one.id).sort(),
    away: Object.fromEntries(away) as Record<string, string>,
    flagged: members.filter(({flags}) => (flags & LEAVING_FLAGS) !== 0).map((one) => one.id),
    learners: members.filter(({learner}) => learner).map((one) => one.id),
    digest: sha256(body),
    content: sha256(Buffer.from(JSON.stringify({...smap, nodes: stripped}))),
  }
}
