/**
 * The data plane of one target: the shipped object path over the shipped store, on a filesystem
 * that forgets what was not fsynced. Around it is what the daemon's data worker does: open the
 * store at a start, decode a route, give the view and the lease of the kernel beside it.
 */

import {NO_RING, ringOf, type OwnRing} from '../../../src/core/objects/ring.ts'
import type {ClusterView} from '../../../src/model/cluster-view.ts'
import {formatGeneration} from '../../../src/model/generation.ts'
import {isRefusal} from '../../../src/model/ids.ts'
import type {ObjectAttributes} from '../../../src/model/object.ts'
import type {ClusterRecord} from '../../../src/model/record.ts'
import {
  createTargetObjects,
  type ObjectsDeps,
  type TargetObjects,
} from '../../../src/node/objects/dispatch.ts'
import type {Log} from '../../../src/node/observe/log.ts'
import type {AskTarget} from '../../../src/node/peer/data-client.ts'
import type {Fd, Fs} from '../../../src/node/store/fs.ts'
import type {Decide, ObjectKey, ObjectStore} from '../../../src/node/store/object-store.ts'
import {openObjectStore} from '../../../src/node/store/open-store.ts'
import {parseObjectPath, splitTarget} from '../../../src/wire/paths.ts'
import {parseBucketRef, parseQuery} from '../../../src/wire/query.ts'
import {createCrashFs, SURVIVALS, type CrashFs} from '../../helpers/crash-fs.ts'
import type {SimProcess} from '../world/process.ts'
import type {Random} from '../world/random.ts'
import {SIM_UUID} from '../world/scene.ts'
import {createExchange, type SimAnswer, type SimRequest} from './exchange.ts'
import type {ObjectMutant} from './mutants.ts'
import type {Rest} from './rest.ts'

export interface ObjectNode {
  readonly process: SimProcess
  /** A request at one of its listeners, in this run of the process. */
  readonly serve: (
    request: SimRequest,
    origin: 'public' | 'data',
    answered: (answer: SimAnswer | null) => void,
  ) => void
  /** The process ends; after a power cut only what is durable stays, and some of the rest. */
  readonly crash: (power: boolean) => void
  /** The system disk is gone, the data disks are not. */
  readonly loseState: () => void
  /** The next calls to the filesystem fail. */
  readonly trouble: (code: string, times: number) => void
  /** Whether one of its mountpaths serves no more. */
  readonly isDisabled: () => boolean
}

export interface ObjectNodeDeps {
  readonly process: SimProcess
  readonly random: Random
  readonly rest: Rest
  readonly ask: AskTarget
  readonly diskMs: number
  readonly mutant: ObjectMutant | undefined
  readonly saw: (name: string) => void
  /** It cannot go on, and says so by ending; its supervisor starts it again. */
  readonly exits: (process: SimProcess) => void
  readonly violate: (invariant: string, detail: string) => void
}

const STATE = '/state'
const MOUNTPATHS = ['/mp0', '/mp1'] as const
/** How often the daemon looks for calls that hang. */
const CHECK_MS = 1000
/** Pieces of a body arrive at this distance. */
const PIECE_MS = 2
/** A device that is busy: how often, how long on average, at most. */
const STALL_RATIO = 0.03
const STALL_MS = 2000
const STALL_MAX_MS = 13_000

/** What the object path logs when something threw that is no answer. */
const DEFECT = 'object request failed'

interface Run {
  readonly number: number
  store: ObjectStore | null
  /** Power went: what this run still does at that very moment reaches no disk. */
  cut: boolean
}

interface OpenRun extends Run {
  readonly opened: Promise<TargetObjects>
}

export function createObjectNode(deps: ObjectNodeDeps): ObjectNode {
  const {process, random, rest, violate} = deps
  const self = process.facts.self.id
  let disk: CrashFs = createCrashFs([STATE, ...MOUNTPATHS])
  let current: OpenRun | null = null
  const failing: Trouble = {code: '', after: 0, times: 0}
  const written = new Map<string, string>()

  function run(): OpenRun {
    if (current?.number === process.run()) return current
    const made: Run = {number: process.run(), store: null, cut: false}
    const open = Object.assign(made, {opened: openRun(made)})
    rest.await(open.opened)
    current = open
    watch(open)
    return open
  }

  async function openRun(made: Run): Promise<TargetObjects> {
    const {store, missing} = await openObjectStore({
      stateDirectory: STATE,
      mountpaths: MOUNTPATHS.map((path) => ({path})),
      uuid: SIM_UUID,
      target: self,
      allowSharedFilesystem: false,
      verifyReads: () => true,
      warn: (text) => deps.saw(text),
      nowMs: process.atMs,
      fs: deviceOf(deps, disk, failing),
      indexOnDisk: false,
    })
    made.store = store
    if (missing.length === MOUNTPATHS.length) {
      deps.saw('no mountpath can be used')
      deps.exits(process)
    }
    return createTargetObjects(objectsDeps(deps, witness(store, made)))
  }

  function watch(watched: OpenRun): void {
    process.soon(CHECK_MS, () => {
      if (watched !== current) return
      watched.store?.check()
      watch(watched)
    })
  }

  /** R20: no generation of a key is given twice, and none under an entry that it was not written in. */
  function note(attributes: ObjectAttributes, by: Run): void {
    if (by.cut) return
    const name = `${attributes.name} ${formatGeneration(attributes.gen)}`
    const content = `${attributes.checksum.value} ${attributes.mtimeNs}`
    const other = written.get(name)
    if (other !== undefined) violate('GenUnique', `${self} gives ${name} twice`)
    written.set(name, content)
  }

  function witness(store: ObjectStore, by: Run): ObjectStore {
    const noting =
      (decide: Decide): Decide =>
      (previous) => {
        const decided = decide(previous)
        if ('attributes' in decided) note(decided.attributes, by)
        return decided
      }
    const {mutant} = deps
    return {
      ...store,
      commitWrite: (change, body, done) =>
        store.commitWrite({...change, decide: noting(change.decide)}, body, done),
      remove: (change, done) => {
        if (mutant?.skipsTombstone === true && isNowhere(store, change.key)) {
          change.decide(null)
          return done(null, undefined)
        }
        store.remove({...change, decide: noting(change.decide)}, done)
      },
      ...(mutant?.showsEarly === true ? {whenSettled: (_key, go) => go()} : {}),
    }
  }

  return {
    process,
    serve: (request, origin, answered) => {
      rest.stir()
      const mine = run()
      const isRunning = (): boolean => process.isUp() && process.run() === mine.number
      const exchange = createExchange(request, {
        said: (status) => {
          if (isRunning()) checkLease(deps, request, origin, status)
        },
        answered: (answer) => {
          if (isRunning()) answered(answer)
        },
      })
      void mine.opened.then(
        (objects) => {
          if (!isRunning()) return
          feed(process, exchange.push, request.pieces)
          handle(objects, exchange, request.url, origin)
        },
        (error: unknown) => violate('D16', `${self} cannot open its store: ${String(error)}`),
      )
    },
    crash: (power) => {
      if (power && current !== null) current.cut = true
      if (power) disk = disk.crash(random.pick(SURVIVALS))
      current = null
      if (deps.mutant?.forgetsCounter === true) forget(disk, `${STATE}/counter.json`)
    },
    loseState: () => {
      for (const {name} of disk.list(STATE)) disk.unlink(`${STATE}/${name}`)
      const folder = disk.open(STATE, 'directory')
      disk.syncNow(folder)
      disk.close(folder)
    },
    trouble: (code, times) => void Object.assign(failing, {code, times, after: random.int(1, 40)}),
    isDisabled: () => current?.store?.status().some(({disabled}) => disabled !== null) === true,
  }
}

function isNowhere(store: ObjectStore, key: ObjectKey): boolean {
  try {
    return store.lookup(key, false).type === 'none'
  } catch {
    return false
  }
}

function forget(disk: CrashFs, path: string): void {
  if (disk.isFile(path)) disk.unlink(path)
}

/** A request's body comes piece by piece, in this run of the process only. */
function feed(
  process: SimProcess,
  push: (piece: Uint8Array | null) => void,
  pieces: readonly Uint8Array[],
): void {
  const [first, ...others] = pieces
  if (first === undefined) return push(null)
  push(first)
  if (others.length === 0) return push(null)
  process.soon(PIECE_MS, () => feed(process, push, others))
}

function handle(
  objects: TargetObjects,
  exchange: ReturnType<typeof createExchange>,
  url: string,
  origin: 'public' | 'data',
): void {
  const {path, query: rawQuery} = splitTarget(url)
  const parsed = parseObjectPath(path)
  const query = parseQuery(rawQuery)
  if (isRefusal(parsed)) throw new Error(`not an object's path: ${path}`)
  const ref = parseBucketRef(parsed.bucket, query)
  if (isRefusal(ref)) throw new Error(`not a bucket: ${url}`)
  const route = {ref, name: parsed.objectName, rawPath: path, rawQuery, query}
  objects.handle(exchange.req, exchange.res, route, origin)
}

/** R22: nobody hears that a write is done from a target without a lease. */
function checkLease(
  deps: ObjectNodeDeps,
  request: SimRequest,
  origin: 'public' | 'data',
  status: number,
): void {
  const {process} = deps
  const writes = request.method === 'PUT' || request.method === 'DELETE'
  if (!writes || origin !== 'public' || status !== 200 || process.leaseValid()) return
  const self = process.facts.self.id
  deps.violate('R22', `${self} acknowledges ${request.method} ${request.url} without a lease`)
}

/** A data disk that fails: these calls, counted from now. */
interface Trouble {
  code: string
  after: number
  times: number
}

/** The store's view of the disk: waiting calls take virtual time, and none outlives its process. */
function deviceOf(deps: ObjectNodeDeps, disk: CrashFs, trouble: Trouble): Fs {
  const {process, random, mutant} = deps
  const latency = (): number => {
    const stall = random.chance(STALL_RATIO) ? Math.min(random.exp(STALL_MS), STALL_MAX_MS) : 0
    return deps.diskMs * (0.2 + random.ratio()) + stall
  }
  const folders = new Set<Fd>()
  const states = new Set<Fd>()

  /** The error of this call of a data disk, if it is one that fails. */
  function failure(syscall: string): NodeJS.ErrnoException | null {
    if (trouble.times <= 0 || trouble.after-- > 0) return null
    trouble.times--
    const {code} = trouble
    return Object.assign(new Error(`${code}: ${syscall}`), {code, syscall})
  }

  function attempt(syscall: string, isState: boolean): void {
    const error = isState ? null : failure(syscall)
    if (error !== null) throw error
  }

  function later(syscall: string, perform: () => void, failed: (error: Error) => void): void {
    process.soon(latency(), () => {
      const error = failure(syscall)
      if (error === null) perform()
      else failed(error)
    })
  }

  return {
    ...disk,
    open: (path, mode) => {
      const isState = path.startsWith(STATE)
      attempt('open', isState)
      const fd = disk.open(path, mode)
      if (mode === 'directory') folders.add(fd)
      if (isState) states.add(fd)
      return fd
    },
    read: (fd, into, length, position) => {
      attempt('read', states.has(fd))
      return disk.read(fd, into, length, position)
    },
    write: (fd, bytes, position) => {
      attempt('write', states.has(fd))
      disk.write(fd, bytes, position)
    },
    rename: (from, to) => {
      attempt('rename', from.startsWith(STATE))
      disk.rename(from, to)
    },
    unlink: (path) => {
      attempt('unlink', path.startsWith(STATE))
      disk.unlink(path)
    },
    mkdir: (path) => {
      attempt('mkdir', path.startsWith(STATE))
      disk.mkdir(path)
    },
    sync: (fd, done) => {
      const skips =
        mutant?.skipsSync === 'all' || (mutant?.skipsSync === 'files' && !folders.has(fd))
      later('fsync', () => (skips ? done(null) : disk.sync(fd, done)), done)
    },
    readLater: (fd, into, position, done) =>
      later(
        'read',
        () => disk.readLater(fd, into, position, done),
        (error) => done(error, 0),
      ),
    writeLater: (fd, buffers, position, done) =>
      later('write', () => disk.writeLater(fd, buffers, position, done), done),
  }
}

function objectsDeps(deps: ObjectNodeDeps, store: ObjectStore): ObjectsDeps {
  const {process, mutant, violate} = deps
  const rings = new WeakMap<ClusterRecord, OwnRing>()
  let replying = false
  const beforeReply =
    <A extends readonly unknown[]>(done: (...args: A) => void) =>
    (...args: A): void => {
      replying = true
      done(...args)
      replying = false
    }
  const view = (): ClusterView => {
    const found = process.view() ?? emptyView(process)
    if (mutant?.settlesAtOnce !== true || found.record === null) return found
    return {...found, settledIndex: found.record.index}
  }
  const log: Log = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    // A read that breaks off because of its disk is no defect; a handler that throws is one.
    error: (text, facts) => {
      if (text !== DEFECT) return
      violate('defect', `${process.facts.self.id}: ${text} ${JSON.stringify(facts)}`)
    },
  }
  return {
    view,
    ring: () => {
      const {record} = view()
      if (record === null) return NO_RING
      const ring = rings.get(record) ?? ringOf(record)
      rings.set(record, ring)
      return ring
    },
    leaseValid: () => {
      if (mutant?.ignoresLease === 'always') return true
      return (mutant?.ignoresLease !== undefined && replying) || process.leaseValid()
    },
    store: {
      ...store,
      commitWrite: (change, body, done) => store.commitWrite(change, body, beforeReply(done)),
      remove: (change, done) => store.remove(change, beforeReply(done)),
    },
    askTarget: deps.ask,
    settings: () => ({checksumType: 'xxhash2'}),
    now: () => ({ns: BigInt(Math.floor(process.atMs() * 1e6))}),
    log,
  }
}

/** Before the kernel has published anything. */
function emptyView(process: SimProcess): ClusterView {
  const {id, role} = process.facts.self
  return {
    self: {id, role, inc: 0},
    record: null,
    leading: false,
    settledIndex: 0,
    nodeStarted: false,
    clusterStarted: false,
    stopping: false,
  }
}
