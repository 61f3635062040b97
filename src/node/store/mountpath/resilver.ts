/**
 * The resilver: brings every key of this target to the mountpaths on which it belongs, walk after
 * walk over all files, until one has found nothing to do; then older sets of mountpaths mean
 * nothing any more, and those that were to be emptied go. Keeps no progress: after a crash the
 * history still has its sets, and it begins again. It gives way to clients.
 */

import {nameOfFile, filePathOf} from '../../../core/objects/file-name.ts'
import type {ClientTraffic} from '../../../core/objects/move.ts'
import {isBusy, restMs} from '../../../core/objects/move.ts'
import type {ResilverTally} from '../../../core/objects/resilver.ts'
import {
  NO_RESILVER_TALLY,
  isToBePlaced,
  needsResilver,
  resilverAgainMs,
  resilverVerdict,
} from '../../../core/objects/resilver.ts'
import {objectDigest} from '../../../core/placement/locate.ts'
import type {Bucket} from '../../../model/bucket.ts'
import type {ObjectAttributes} from '../../../model/object.ts'
import type {Disks} from './disks.ts'
import {errnoOf} from '../fs/fs.ts'
import type {Hashing} from '../object/hashing.ts'
import type {Mountpath} from './mountpaths.ts'
import {mountpathAt} from './mountpaths.ts'
import {readAttributes} from '../object/last-footer.ts'
import type {ObjectKey, ObjectStore} from '../object-store.ts'
import type {SetHistory} from './set-history.ts'
import {walkObjects, type FoundFile} from '../fs/walk.ts'

/** A resilver that runs, or was the last. */
export interface ResilverJob {
  readonly id: string
  /** Ms since 1970. */
  readonly beganMs: number
  readonly endedMs: number | null
  readonly state: 'running' | 'failing' | 'finished'
  /** Copied to where they belong; tombstones count. */
  readonly objects: number
  readonly bytes: number
  /** The last failure; '' without. */
  readonly problem: string
}

export interface ResilverDeps {
  readonly disks: Pick<Disks, 'used' | 'missing' | 'leaving' | 'emptied'>
  readonly history: SetHistory
  readonly store: Pick<
    ObjectStore,
    'place' | 'missing' | 'whenWritesEnded' | 'copies' | 'passCounter' | 'flushDiscarded'
  >
  readonly hashing: Hashing
  /** Of the committed record; undefined for an id that it does not know. */
  readonly bucketOf: (bid: string) => Bucket | undefined
  /** Whether it may run (`resilver.enabled`). */
  readonly isEnabled: () => boolean
  readonly traffic: () => ClientTraffic
  readonly nowMs: () => number
  readonly wallMs: () => number
  /** Runs something later, once; the result takes it back. */
  readonly after: (ms: number, act: () => void) => () => void
  readonly info: (text: string, facts: Readonly<Record<string, unknown>>) => void
}

export interface Resilver {
  /** Begins when there is something to do, again when that has changed; every second or so. */
  readonly look: () => void
  /** The one that runs, or the last; null when there was none since the start. */
  readonly job: () => ResilverJob | null
  readonly stop: () => void
}

/** Keys on their way at a time: they share flushes; few leave the disks to clients. */
const IN_FLIGHT_MAX = 32
const CALM_IN_FLIGHT_MAX = 2
/** Files looked at between two turns of the event loop: about a millisecond. */
const FILES_PER_TURN = 64

/** @param onDefect what no disk explains */
export function createResilver(deps: ResilverDeps, onDefect: (error: unknown) => void): Resilver {
  let run: Run | null = null
  let last: Run | null = null

  function look(): void {
    if (run !== null && run.isSame()) return
    run?.abort()
    run = null
    if (!deps.isEnabled() || !isNeeded(deps)) return
    const next = new Run(deps, last?.job() ?? null)
    run = next
    last = next
    next.walkUntilClean().then(() => {
      // Done, or overtaken: the next look sees whether there is still something to do.
      if (run === next) run = null
    }, onDefect)
  }

  return {
    look,
    job: () => last?.job() ?? null,
    stop: () => {
      run?.abort()
      run = null
    },
  }
}

function isNeeded({history, disks}: ResilverDeps): boolean {
  return needsResilver(history.sets().length, disks.leaving().length)
}

/** One resilver for one state of the mountpaths. */
class Run {
  readonly #deps: ResilverDeps
  readonly #id: string
  readonly #beganMs: number
  /** What it was begun for: another state is another run. */
  readonly #placed: unknown
  readonly #standing: string
  /** The counter was lost: what is given from now on has to be above all that lies here. */
  readonly #isUnknown: boolean
  #highestCounter = 0n
  #tally: ResilverTally = NO_RESILVER_TALLY
  #inFlight = 0
  /** Goes on when a key has ended, and when a pause is cut short. */
  #wake: (() => void) | null = null
  #endPause: (() => void) | null = null
  #aborted = false
  #endedMs: number | null = null
  #failing = false
  #objects = 0
  #bytes = 0
  #problem = ''

  /** @param before one that this continues, when it has not ended */
  constructor(deps: ResilverDeps, before: ResilverJob | null) {
    const {history} = deps
    const continued = before?.endedMs === null ? before : null
    this.#deps = deps
    this.#beganMs = continued?.beganMs ?? deps.wallMs()
    this.#id = continued?.id ?? `r${this.#beganMs.toString(36)}`
    this.#objects = continued?.objects ?? 0
    this.#bytes = continued?.bytes ?? 0
    this.#placed = history.placed()
    this.#isUnknown = history.sets().some(({unknown}) => unknown === true)
    this.#standing = this.#standingNow()
  }

  isSame(): boolean {
    return this.#placed === this.#deps.history.placed() && this.#standing === this.#standingNow()
  }

  abort(): void {
    this.#aborted = true
    this.#endPause?.()
  }

  job(): ResilverJob {
    const ended = this.#endedMs !== null
    return {
      id: this.#id,
      beganMs: this.#beganMs,
      endedMs: this.#endedMs,
      state: ended ? 'finished' : this.#failing ? 'failing' : 'running',
      objects: this.#objects,
      bytes: this.#bytes,
      problem: ended ? '' : this.#problem,
    }
  }

  /** @returns whether it has come to its end */
  async walkUntilClean(): Promise<boolean> {
    const {store, info} = this.#deps
    info('resilver begins', {id: this.#id})
    // A write that was decided under an older set may still end, and must not be missed.
    await new Promise<void>((resolve) => store.whenWritesEnded(resolve))
    let failures = 0
    while (!this.#aborted) {
      this.#tally = NO_RESILVER_TALLY
      await this.#walk()
      if (this.#aborted || !this.isSame()) return false
      if (resilverVerdict(this.#tally) === 'clean') await this.#flush()
      if (this.#aborted || !this.isSame()) return false
      const verdict = resilverVerdict(this.#tally)
      if (verdict === 'clean') return this.#conclude()
      this.#failing = verdict === 'failing'
      failures = this.#failing ? failures + 1 : 0
      if (failures === 1) info('resilver cannot end yet', {id: this.#id, why: this.#problem})
      await this.#pause(resilverAgainMs(failures))
    }
    return false
  }

  /** What others have removed meanwhile must not be back after a power cut, when nobody looks. */
  async #flush(): Promise<void> {
    const {store} = this.#deps
    await new Promise<void>((resolve) => {
      store.flushDiscarded((error) => {
        if (error !== null) this.#fail(error.message)
        resolve()
      })
    })
  }

  /** Without a turn of the event loop since the walk was found clean. */
  #conclude(): boolean {
    const {history, disks, store, wallMs, info} = this.#deps
    if (this.#isUnknown) store.passCounter(this.#highestCounter)
    history.cut()
    for (const mountpath of disks.leaving()) disks.emptied(mountpath)
    this.#endedMs = wallMs()
    info('resilver finished', {id: this.#id, objects: this.#objects, bytes: this.#bytes})
    return true
  }

  async #walk(): Promise<void> {
    for (const mountpath of this.#deps.disks.used) {
      if (mountpath.calls.disabled() === null) await this.#walkOne(mountpath)
    }
    await this.#room(1)
    for (const {path, why} of this.#deps.store.missing()) this.#miss(`${path}: ${why}`)
  }

  async #walkOne(mountpath: Mountpath): Promise<void> {
    try {
      let files = 0
      for (const file of walkObjects(mountpath.port, mountpath.pinned)) {
        if (this.#aborted || mountpath.calls.disabled() !== null) return
        if (this.#isUnknown) this.#noteCounter(mountpath, file.path)
        const key = this.#keyOf(mountpath, file)
        if (key !== null && this.#isToBePlaced(mountpath, key)) await this.#place(key)
        files += 1
        if (files % FILES_PER_TURN === 0) await turn()
      }
    } catch (error) {
      if (errnoOf(error) === '') throw error
      mountpath.calls.note(error)
      this.#miss(`${mountpath.path}: ${String(error)}`)
    }
  }

  /** Null: a destroyed bucket's, or one that is counted as unseen. */
  #keyOf(mountpath: Mountpath, {bid, fileName, path}: FoundFile): ObjectKey | null {
    const bucket = this.#deps.bucketOf(bid)
    if (bucket?.deletedAt !== undefined) return null
    if (bucket === undefined) {
      this.#miss(`${mountpath.path}: bucket ${bid} is not known`)
      return null
    }
    const name = nameOfFile(fileName) ?? this.#nameInFooter(mountpath, path)
    return name === null ? null : {bid, name, digest: objectDigest(bucket.ref, name)}
  }

  #noteCounter(mountpath: Mountpath, path: string): void {
    const {counter} = this.#attributesOf(mountpath, path)?.gen ?? {counter: 0n}
    if (counter > this.#highestCounter) this.#highestCounter = counter
  }

  #nameInFooter(mountpath: Mountpath, path: string): string | null {
    return this.#attributesOf(mountpath, path)?.name ?? null
  }

  /** Null: it is gone, or cannot be read, which is counted as a failure. */
  #attributesOf(mountpath: Mountpath, path: string): ObjectAttributes | null {
    try {
      const attributes = readAttributes(mountpath.port, path, this.#deps.hashing)
      if (attributes === null) this.#fail(`${path} has no footer that verifies`)
      return attributes
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return null
      if (errnoOf(error) === '') throw error
      mountpath.calls.note(error)
      this.#fail(`${path}: ${String(error)}`)
      return null
    }
  }

  #isToBePlaced(mountpath: Mountpath, key: ObjectKey): boolean {
    const {store, disks} = this.#deps
    const places = store.copies.placesOf(key)
    const [first = ''] = places
    return isToBePlaced(mountpath.path, places, () => {
      const one = mountpathAt(disks, first)
      return one?.port.isFile(`${one.pinned}/${filePathOf(key.bid, key.name)}`) ?? false
    })
  }

  async #place(key: ObjectKey): Promise<void> {
    const {store, traffic, nowMs} = this.#deps
    const beganMs = nowMs()
    await this.#room(isBusy(traffic()) ? CALM_IN_FLIGHT_MAX : IN_FLIGHT_MAX)
    await this.#pause(restMs(traffic(), nowMs() - beganMs))
    if (this.#aborted) return
    this.#inFlight += 1
    store.place(key, (error, {copied, removed, bytes}) => {
      this.#inFlight -= 1
      this.#objects += copied
      this.#bytes += bytes
      if (copied + removed > 0) this.#tally = {...this.#tally, changed: this.#tally.changed + 1}
      if (error !== null) this.#fail(error.message)
      this.#wake?.()
    })
  }

  /** Waits until fewer than so many keys are on their way. */
  async #room(max: number): Promise<void> {
    while (this.#inFlight >= max) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = null
    }
  }

  #fail(problem: string): void {
    this.#problem = problem
    this.#tally = {...this.#tally, failed: this.#tally.failed + 1}
  }

  #miss(problem: string): void {
    this.#problem = problem
    this.#tally = {...this.#tally, unseen: this.#tally.unseen + 1}
  }

  /** Waits, or less when it is aborted. */
  #pause(ms: number): Promise<void> {
    if (ms <= 0 || this.#aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const end = (): void => {
        takeBack()
        this.#endPause = null
        resolve()
      }
      const takeBack = this.#deps.after(ms, end)
      this.#endPause = end
    })
  }

  /** What else a run depends on, as a text. */
  #standingNow(): string {
    const {disks, store} = this.#deps
    const here = disks.used.filter(({calls}) => calls.disabled() === null).map(({id}) => id)
    const leaving = disks.leaving().map(({path, standing}) => `${path} ${standing.leaving ?? ''}`)
    return [store.copies.version(), ...here, ...leaving].join('\n')
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
