/**
 * The data plane of one target: the shipped object path over the shipped store, on a filesystem
 * that forgets what was not fsynced. Around it is what the daemon's data worker does: open the
 * store at a start, decode a route, give the view and the lease of the kernel beside it.
 */

import {sinceOf} from '../../../src/model/forgotten.ts'
import type {Voter} from '../../../src/model/record.ts'
import {ownsKeys} from '../../../src/model/node.ts'
import {formatGeneration} from '../../../src/model/generation.ts'
import {isRefusal} from '../../../src/model/ids.ts'
import type {ObjectAttributes} from '../../../src/model/object.ts'
import {createTargetObjects, type TargetObjects} from '../../../src/node/objects/dispatch.ts'
import {isMovePath} from '../../../src/node/move/serve.ts'
import {bucketOfId} from '../../../src/core/objects/move.ts'
import {newestEntry, ownerUnder, ringOf} from '../../../src/core/objects/ring.ts'
import {objectDigest} from '../../../src/core/placement/locate.ts'
import type {MountpathOrder} from '../../../src/core/objects/mountpath-orders.ts'
import {AisError} from '../../../src/base/errors.ts'
import type {ObjectsDeps} from '../../../src/node/objects/dispatch.ts'
import type {Disks, DiskState} from '../../../src/node/store/mountpath/disks.ts'
import {errnoOf} from '../../../src/node/store/fs/fs.ts'
import {renewEmpty} from '../../../src/node/store/mountpath/quarantine.ts'
import {finishDeparture, noteDeparture} from '../../../src/node/store/decommission.ts'
import {createResilver, type Resilver} from '../../../src/node/store/mountpath/resilver.ts'
import type {AskTarget} from '../../../src/node/peer/data-client.ts'
import type {Hashing} from '../../../src/node/store/object/hashing.ts'
import type {Decide, ObjectKey, ObjectStore} from '../../../src/node/store/object-store.ts'
import {openWalkCursor} from '../../../src/node/store/state/walk-cursor.ts'
import {openObjectStore, type OpenedStore} from '../../../src/node/store/open-store.ts'
import {LOCAL_LIST_PATH} from '../../../src/wire/local-query.ts'
import {parseObjectPath, splitTarget} from '../../../src/wire/paths.ts'
import {parseBucketRef, parseQuery} from '../../../src/wire/query.ts'
import {createCrashFs, SURVIVALS, type CrashFs} from '../../helpers/crash-fs.ts'
import type {SimProcess} from '../world/process.ts'
import type {Random} from '../world/random.ts'
import {SIM_UUID} from '../world/scene.ts'
import {simBucket} from '../world/workload.ts'
import {objectsDeps} from './border.ts'
import {deviceOf, MOUNTPATHS, STATE, type Trouble} from './device.ts'
import {createExchange, type SimAnswer, type SimRequest} from './exchange.ts'
import type {ObjectMutant} from './mutants.ts'
import {laterOf, type Later} from './later.ts'
import {answerList} from './answer-list.ts'
import {answerMove, createMoving, type Moving} from './moving.ts'
import type {Rest} from './rest.ts'

/** Which of its listeners a request comes to; another node has proved who it is. */
export interface Listener {
  readonly origin: 'public' | 'data'
  readonly from?: Voter | undefined
}

export interface ObjectNode {
  readonly process: SimProcess
  /** A request at one of its listeners, in this run of the process. */
  readonly serve: (
    request: SimRequest,
    listener: Listener,
    answered: (answer: SimAnswer | null) => void,
  ) => void
  /** The view may be another one. */
  readonly look: () => void
  /** The process ends; after a power cut only what is durable stays, and some of the rest. */
  readonly crash: (power: boolean) => void
  /** The system disk is gone, the data disks are not. */
  readonly loseState: () => void
  /** Its membership ends: what belongs to the cluster goes from its disks. */
  readonly decommission: (rmUserData: boolean, done: () => void) => void
  /** Its cluster has recorded that it is gone. */
  readonly depart: () => void
  /** The next calls to a data disk fail. @param path of one, or '' for any */
  readonly trouble: (code: string, times: number, path: string) => void
  /** Its mountpaths as it sees them; none while it opens them. */
  readonly disks: () => readonly DiskState[]
  /** Whether every key lies on the mountpath on which it belongs. */
  readonly isResilvered: () => boolean
  /** An order of an operator about a mountpath; says what came of it. */
  readonly order: (order: MountpathOrder) => string
  /** Its disks, whether it runs or not. */
  readonly filesystem: () => CrashFs
}

export interface ObjectNodeDeps {
  readonly process: SimProcess
  readonly random: Random
  readonly rest: Rest
  readonly hashing: Hashing
  readonly ask: AskTarget
  readonly diskMs: number
  /** On how many mountpaths each object is to lie. */
  readonly copies: number
  readonly mutant: ObjectMutant | undefined
  readonly saw: (name: string) => void
  /** It has removed all that it has of a key. */
  readonly removed: (process: SimProcess, key: ObjectKey, newest: ObjectAttributes) => void
  /** It is about to remove all that it has, or has done so. */
  readonly leaves: (process: SimProcess) => void
  readonly left: (process: SimProcess) => void
  /** It cannot go on, and says so by ending; its supervisor starts it again. */
  readonly exits: (process: SimProcess) => void
  readonly violate: (invariant: string, detail: string) => void
}

/** How often the daemon looks for calls that hang. */
const CHECK_MS = 1000
/** As the daemon does when something could not be removed. */
const LEAVE_AGAIN_MS = 10_000
/** Pieces of a body arrive at this distance. */
const PIECE_MS = 2

interface Run {
  readonly number: number
  /** Of the membership for which it was opened. */
  since: number
  store: ObjectStore | null
  disks: Disks | null
  resilver: Resilver | null
  /** Power went: what this run still does at that very moment reaches no disk. */
  cut: boolean
}

/** What a data worker of a target opens. */
interface Parts extends Moving {
  readonly objects: TargetObjects
}

interface OpenRun extends Run {
  readonly opened: Promise<Parts>
}

export function createObjectNode(deps: ObjectNodeDeps): ObjectNode {
  const {process, random, rest, violate} = deps
  const self = process.facts.self.id
  let disk: CrashFs = createCrashFs([STATE, ...MOUNTPATHS])
  let current: OpenRun | null = null
  let marks = 0
  const failing: Trouble = {code: '', path: '', after: 0, times: 0}
  const written = new Map<string, string>()

  function sinceNow(): number {
    return sinceOf(process.view()?.record?.smap.nodes[self])
  }

  /** What holds nothing is of any membership. */
  function isOfMembership(by: Run): boolean {
    const since = sinceNow()
    if (by.since < since && renewEmpty(by.disks?.used ?? [], since)) by.since = since
    return by.since >= since
  }

  function run(): OpenRun {
    if (current?.number === process.run()) return current
    const number = process.run()
    const made: Run = {
      number,
      since: sinceNow(),
      store: null,
      disks: null,
      resilver: null,
      cut: false,
    }
    const open = Object.assign(made, {opened: openRun(made)})
    rest.await(open.opened)
    current = open
    watch(open)
    return open
  }

  async function openRun(made: Run): Promise<Parts> {
    const port = deviceOf(deps, disk, failing)
    const after = laterOf(process, rest)
    const opened = await openObjectStore({
      stateDirectory: STATE,
      mountpaths: MOUNTPATHS.map((path) => ({path})),
      uuid: SIM_UUID,
      target: self,
      allowSharedFilesystem: false,
      verifyReads: () => deps.mutant?.believesDisks !== true,
      warn: (text) => deps.saw(text),
      nowMs: process.atMs,
      after,
      fs: port,
      hashing: deps.hashing,
      newId: () => `${self}-mp-${(marks += 1)}`,
      indexOnDisk: false,
      copiesWanted: () => deps.copies,
      since: sinceNow,
    })
    const {store, disks} = opened
    const cursor = openWalkCursor(STATE, port)
    made.store = store
    made.disks = disks
    if (disks.states().every(({state}) => state === 'missing')) {
      deps.saw('no mountpath can be used')
      deps.exits(process)
    }
    const border = objectsDeps(deps, witness(store, made))
    const objects = createTargetObjects(border)
    made.resilver = resilverOf(deps, opened, {border, after})
    return {objects, ...createMoving(deps, {border, store, hash: deps.hashing.h64, cursor})}
  }

  function watch(watched: OpenRun): void {
    process.soon(CHECK_MS, () => {
      if (watched !== current) return
      rest.stir()
      watched.store?.check()
      watched.resilver?.look()
      watch(watched)
    })
  }

  /** R20: no generation of a key is given twice. */
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

  function leave(rmUserData: boolean, done: () => void): void {
    rest.stir()
    deps.leaves(process)
    const mine = run()
    const cleared = mine.opened.then(() => mine.store?.decommission(rmUserData))
    cleared.then(
      () => {
        if (!process.isUp() || process.run() !== mine.number) return
        if (rmUserData) deps.left(process)
        noteDeparture(STATE, {uuid: SIM_UUID, op: 'sim', state: 'leaving'}, disk)
        process.soon(1, done)
      },
      () => {
        deps.saw('decommission failed')
        process.soon(LEAVE_AGAIN_MS, () => leave(rmUserData, done))
      },
    )
  }

  return {
    process,
    serve: (request, {origin, from}, answered) => {
      if (process.view() === undefined) return answered(null)
      rest.stir()
      const mine = run()
      const isRunning = (): boolean => process.isUp() && process.run() === mine.number
      const exchange = createExchange(request, {
        said: (status) => {
          if (!isRunning()) return
          checkLease(deps, request, origin, status)
          checkOffice(deps, request, origin, status)
          checkOwner(deps, request, origin, status)
        },
        answered: (answer) => {
          if (isRunning()) answered(answer)
        },
      })
      void mine.opened.then(
        ({objects, moves}) => {
          if (!isRunning()) return
          feed(process, exchange.push, request.pieces)
          const {path} = splitTarget(request.url)
          if (origin === 'data' && path === LOCAL_LIST_PATH) {
            return void answerList(objects, process.view, exchange)
          }
          if (origin === 'data' && isMovePath(path)) {
            return void answerMove(moves, exchange, {url: request.url, from})
          }
          handle(objects, exchange, request.url, origin)
        },
        (error: unknown) => violate('D16', `${self} cannot open its store: ${String(error)}`),
      )
    },
    look: () => {
      if (!process.isUp() || process.view() === undefined) return
      rest.stir()
      const mine = run()
      void mine.opened.then(({mover}) => {
        if (!process.isUp() || process.run() !== mine.number) return
        if (isOfMembership(mine)) return mover.look()
        // Removed by force, and let in anew: what it holds is moved aside before this is in use.
        deps.saw('removed by force and back')
        deps.exits(process)
      })
    },
    crash: (power) => {
      if (power && current !== null) current.cut = true
      if (power) disk = disk.crash(random.pick(SURVIVALS))
      current = null
      if (deps.mutant?.forgetsCounter === true) forgetCounter(disk)
    },
    loseState: () => {
      for (const {name} of disk.list(STATE)) disk.unlink(`${STATE}/${name}`)
      const folder = disk.open(STATE, 'directory')
      disk.syncNow(folder)
      disk.close(folder)
    },
    decommission: leave,
    depart: () => {
      rest.stir()
      const leaver = {stateDirectory: STATE, target: self, mountpaths: MOUNTPATHS}
      rest.await(finishDeparture(leaver, disk))
    },
    trouble: (code, times, path) =>
      void Object.assign(failing, {code, times, path, after: random.int(1, 40)}),
    disks: () => current?.disks?.states() ?? [],
    isResilvered: () => current?.store?.isResilvered() === true,
    order: (order) => {
      if (current?.disks === null || current === null) return 'closed'
      rest.stir()
      try {
        return current.disks.order(order) ? 'done' : 'nothing'
      } catch (error) {
        if (error instanceof AisError || errnoOf(error) !== '') return 'refused'
        throw error
      }
    },
    filesystem: () => disk,
  }
}

/** Brings keys to their mountpaths, as the daemon's does. */
function resilverOf(
  deps: ObjectNodeDeps,
  opened: OpenedStore,
  {border, after}: {readonly border: ObjectsDeps; readonly after: Later},
): Resilver {
  const {process, saw, violate} = deps
  const resilver = createResilver(
    {
      ...opened,
      bucketOf: (bid) => bucketOfId(border.view(), bid),
      isEnabled: () => true,
      traffic: border.traffic.now,
      nowMs: process.atMs,
      wallMs: process.atMs,
      after,
      info: (text) => saw(text),
    },
    (error) => violate('defect', `${process.facts.self.id} resilvers: ${String(error)}`),
  )
  return resilver
}

function isNowhere(store: ObjectStore, key: ObjectKey): boolean {
  try {
    return store.lookup(key, false).type === 'none'
  } catch {
    return false
  }
}

/** On the system disk, and what the data disks know of it. */
function forgetCounter(disk: CrashFs): void {
  for (const folder of [STATE, ...MOUNTPATHS.map((path) => `${path}/.aisnode`)]) {
    const path = `${folder}/counter.json`
    if (disk.isFile(path)) disk.unlink(path)
  }
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

/** D12: who is being taken out takes no more writes once its own record says so. */
function checkOffice(
  deps: ObjectNodeDeps,
  request: SimRequest,
  origin: 'public' | 'data',
  status: number,
): void {
  const {process} = deps
  const self = process.facts.self.id
  const member = process.view()?.record?.smap.nodes[self]
  const writes = request.method === 'PUT' || request.method === 'DELETE'
  if (!writes || origin !== 'public' || status !== 200) return
  if (member === undefined || ownsKeys(member)) return
  deps.violate('D12', `${self} acknowledges ${request.method} ${request.url} out of office`)
}

/** D14: who acknowledges a write has the record that makes it the key's owner. */
function checkOwner(
  deps: ObjectNodeDeps,
  request: SimRequest,
  origin: 'public' | 'data',
  status: number,
): void {
  const {process} = deps
  const self = process.facts.self.id
  const record = process.view()?.record ?? null
  const writes = request.method === 'PUT' || request.method === 'DELETE'
  if (!writes || origin !== 'public' || status !== 200 || record === null) return
  const parsed = parseObjectPath(splitTarget(request.url).path)
  const entry = newestEntry(ringOf(record))
  if (isRefusal(parsed) || entry === undefined) return
  const owner = ownerUnder(entry, objectDigest(simBucket('objects'), parsed.objectName))
  if (owner === self) return
  deps.violate('D14', `${self} acknowledges ${request.method} ${request.url}, which is ${owner}'s`)
}
