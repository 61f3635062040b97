/**
 * Sees to it that every object of a bucket lies on as many mountpaths as the bucket asks for: after
 * a change of the number, of the set of mountpaths, or a crash, it looks through the bucket, key by
 * key, until nothing is left to do. What it has to do follows from what is on the system disk, so
 * that it goes on after any interruption. Gives way to clients.
 */

import {AisError} from '../../base/errors.ts'
import {restMs} from '../../core/objects/move.ts'
import {walkAgainMs} from '../../core/objects/move.ts'
import {objectDigest} from '../../core/placement/locate.ts'
import type {Bucket} from '../../model/bucket.ts'
import type {ClusterView} from '../../model/cluster-view.ts'
import type {CopiesShare} from '../../wire/copies-job.ts'
import type {TrafficWatch} from '../move/traffic.ts'
import {reasonOf, type Log} from '../observe/log.ts'
import {errnoOf} from '../store/fs/fs.ts'
import type {ObjectKey, ObjectStore} from '../store/object-store.ts'
import type {Placed} from '../store/object/place-key.ts'

export interface KeeperDeps {
  readonly view: () => ClusterView
  readonly store: ObjectStore
  readonly traffic: TrafficWatch
  /** Monotonic. */
  readonly nowMs: () => number
  /** Ms since 1970. */
  readonly wallMs: () => number
  readonly after: (ms: number, act: () => void) => () => void
  readonly log: Log
}

/** How far one bucket is, of this run of the process. */
type CopiesReport = Omit<CopiesShare, 'copiesAt'>

export interface CopiesKeeper {
  /** The view may be another one, or time has passed. */
  readonly look: () => void
  /** How far it is with every bucket of which somebody has changed the number of copies. */
  readonly shares: () => readonly CopiesShare[]
  readonly stop: () => void
}

/** Names read from the index at a time. */
const PAGE_NAMES = 256
/** Keys in work at a time: enough for their flushes to be shared. */
const IN_FLIGHT_MAX = 8
/** Until the index of names is complete, after a start. */
const INDEX_WAIT_MS = 200

export function createCopiesKeeper(
  deps: KeeperDeps,
  onDefect: (error: unknown) => void,
): CopiesKeeper {
  const reports = new Map<string, CopiesReport>()
  const state = {stopped: false, busy: false, notBeforeMs: 0, failures: 0}

  /** What the record says of copies counts from here on, also for who asks how far it is. */
  function takeIntoUse(): readonly Bucket[] {
    const buckets = liveBuckets(deps.view())
    for (const {bid} of buckets) deps.store.copies.refresh(bid)
    return buckets
  }

  function untouched(bid: string): CopiesReport {
    const beganMs = deps.wallMs()
    const nothing = {objects: 0, bytes: 0, removed: 0, problem: ''}
    return {bid, state: 'running', beganMs, endedMs: null, ...nothing}
  }

  function look(): void {
    const buckets = takeIntoUse()
    const unsettled = new Set(deps.store.copies.unsettled())
    const todo = buckets.filter(({bid}) => unsettled.has(bid))
    if (state.busy || state.stopped || todo.length === 0) return
    if (deps.nowMs() < state.notBeforeMs) return
    state.busy = true
    runAll(todo)
      .catch(onDefect)
      .finally(() => {
        state.busy = false
      })
  }

  async function runAll(buckets: readonly Bucket[]): Promise<void> {
    let failed = false
    for (const bucket of buckets) {
      if (state.stopped) return
      const walk = new CopiesWalk(deps, bucket, reports, () => state.stopped)
      failed = !(await walk.run()) || failed
      // What no walk can settle, like a mountpath that is away: not at once again.
      failed ||= deps.store.copies.unsettled().includes(bucket.bid)
    }
    state.failures = failed ? state.failures + 1 : 0
    state.notBeforeMs = deps.nowMs() + walkAgainMs(state.failures)
  }

  return {
    look,
    shares: () => {
      const buckets = takeIntoUse()
      const unsettled = new Set(deps.store.copies.unsettled())
      return buckets.flatMap(({bid, copiesAt}): readonly CopiesShare[] => {
        if (copiesAt === undefined) return []
        const report = reports.get(bid) ?? untouched(bid)
        const {state, endedMs} = report
        return unsettled.has(bid)
          ? [{...report, copiesAt, state: state === 'done' ? 'running' : state, endedMs: null}]
          : [{...report, copiesAt, state: 'done', problem: '', endedMs: endedMs ?? deps.wallMs()}]
      })
    },
    stop: () => {
      state.stopped = true
    },
  }
}

function liveBuckets(view: ClusterView): readonly Bucket[] {
  return Object.values(view.record?.bmd.buckets ?? {}).filter(
    ({deletedAt}) => deletedAt === undefined,
  )
}

/** One look through a bucket. */
class CopiesWalk {
  readonly #deps: KeeperDeps
  readonly #bucket: Bucket
  readonly #reports: Map<string, CopiesReport>
  readonly #stopped: () => boolean
  readonly #version: number
  #report: CopiesReport

  constructor(
    deps: KeeperDeps,
    bucket: Bucket,
    reports: Map<string, CopiesReport>,
    stopped: () => boolean,
  ) {
    this.#deps = deps
    this.#bucket = bucket
    this.#reports = reports
    this.#stopped = stopped
    this.#version = deps.store.copies.version()
    const before = reports.get(bucket.bid)
    // A walk that failed goes on as the same job.
    const again = before !== undefined && before.endedMs === null ? before : null
    const fresh = {objects: 0, bytes: 0, removed: 0, beganMs: deps.wallMs()}
    this.#report = {
      ...(again ?? fresh),
      bid: bucket.bid,
      state: 'running',
      endedMs: null,
      problem: '',
    }
    reports.set(bucket.bid, this.#report)
  }

  /** @returns whether every key lies where it belongs */
  async run(): Promise<boolean> {
    const {store, log, wallMs} = this.#deps
    const {bid} = this.#bucket
    // A write that was admitted under another number of copies may still end.
    await new Promise<void>((resolve) => store.whenWritesEnded(resolve))
    await this.#walkOnce()
    if (!this.#goesOn()) return true
    const problem = this.#report.problem === '' ? this.#unseen() : this.#report.problem
    if (problem !== '') {
      this.#note({state: 'failing', problem})
      log.warn('copies could not all be made', {bucket: this.#bucket.ref.name, problem})
      return false
    }
    store.copies.settle(bid, store.nextCounter())
    this.#note({state: 'done', endedMs: wallMs()})
    const {objects, bytes, removed} = this.#report
    log.info('every object has its copies', {
      bucket: this.#bucket.ref.name,
      objects,
      bytes,
      removed,
    })
    return true
  }

  /** What may hold keys that the walk did not see. */
  #unseen(): string {
    const {store} = this.#deps
    const {bid} = this.#bucket
    if (!store.isCovered(bid)) {
      const away = store.missing().map(({path, why}) => `${path}: ${why}`)
      return `objects may lie on mountpaths that are away (${away.join('; ')})`
    }
    const file = store.unreadable().find((one) => one.bid === bid)
    return file === undefined ? '' : `${file.path} cannot be read: ${file.why}`
  }

  #goesOn(): boolean {
    const {store, view} = this.#deps
    if (this.#stopped() || store.copies.version() !== this.#version) return false
    return liveBuckets(view()).some(({bid}) => bid === this.#bucket.bid)
  }

  /** A disk that fails in the middle is the walk's failure; anything else is a defect. */
  async #walkOnce(): Promise<void> {
    try {
      await this.#walk()
    } catch (error) {
      if (!(error instanceof AisError) && errnoOf(error) === '') throw error
      this.#note({problem: reasonOf(error)})
    }
  }

  async #walk(): Promise<void> {
    const {store} = this.#deps
    const {bid, ref} = this.#bucket
    let after = ''
    while (this.#goesOn()) {
      const page = store.page({bid, prefix: '', after, limit: PAGE_NAMES})
      if (page === null) {
        await this.#pause(INDEX_WAIT_MS)
        continue
      }
      const keys = page.map(({attributes: {name}}) => ({
        bid,
        name,
        digest: objectDigest(ref, name),
      }))
      await this.#placeAll(keys)
      const last = page.at(-1)
      if (last === undefined || page.length < PAGE_NAMES) return
      after = last.attributes.name
    }
  }

  async #placeAll(keys: readonly ObjectKey[]): Promise<void> {
    for (let at = 0; at < keys.length && this.#goesOn(); at += IN_FLIGHT_MAX) {
      const began = this.#deps.nowMs()
      await Promise.all(keys.slice(at, at + IN_FLIGHT_MAX).map((key) => this.#place(key)))
      const {traffic, nowMs} = this.#deps
      await this.#pause(restMs(traffic.now(), nowMs() - began))
    }
  }

  #place(key: ObjectKey): Promise<void> {
    return new Promise((resolve) => {
      this.#deps.store.place(key, (error, placed) => {
        this.#count(error, placed)
        resolve()
      })
    })
  }

  #count(error: AisError | null, {copied, removed, bytes}: Placed): void {
    const {objects, bytes: before, removed: gone, problem} = this.#report
    this.#note({
      objects: objects + copied,
      bytes: before + bytes,
      removed: gone + removed,
      problem: error === null ? problem : error.message,
    })
  }

  #note(change: Partial<CopiesReport>): void {
    this.#report = {...this.#report, ...change}
    this.#reports.set(this.#bucket.bid, this.#report)
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (ms > 0) this.#deps.after(ms, resolve)
      else setImmediate(resolve)
    })
  }
}
