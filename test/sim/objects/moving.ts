/**
 * A target's part in rebalances, in the virtual world: the shipped mover and receiver over the same
 * store, on the process's clock. Mutants of moving lie in here.
 */

import {moveBuckets} from '../../../src/core/objects/move.ts'
import type {MoveDeps} from '../../../src/node/move/context.ts'
import {createMover, type Mover} from '../../../src/node/move/mover.ts'
import {createMoveReceiver, type MoveReceiver} from '../../../src/node/move/receive.ts'
import {serveMove} from '../../../src/node/move/serve.ts'
import {answerError} from '../../../src/node/http/answer.ts'
import type {ObjectsDeps} from '../../../src/node/objects/dispatch.ts'
import {readBody} from '../../../src/node/peer/body.ts'
import {formatGeneration} from '../../../src/model/generation.ts'
import type {Voter} from '../../../src/model/record.ts'
import type {ObjectAttributes} from '../../../src/model/object.ts'
import type {PlacedEntry} from '../../../src/node/store/names/name-indexes.ts'
import type {ObjectStore} from '../../../src/node/store/object-store.ts'
import type {WalkCursorFile} from '../../../src/node/store/state/walk-cursor.ts'
import type {HashBytes} from '../../../src/wire/footer.ts'
import {splitTarget} from '../../../src/wire/paths.ts'
import {parseQuery} from '../../../src/wire/query.ts'
import type {Exchange} from './exchange.ts'
import {laterOf} from './later.ts'
import type {ObjectMutant} from './mutants.ts'
import type {ObjectNodeDeps} from './node.ts'

export interface Moving {
  readonly mover: Mover
  readonly moves: MoveReceiver
}

interface Opened {
  readonly border: ObjectsDeps
  readonly store: ObjectStore
  readonly hash: HashBytes
  readonly cursor: WalkCursorFile
}

export function createMoving(deps: ObjectNodeDeps, {border, store, hash, cursor}: Opened): Moving {
  const {process, rest, saw, violate} = deps
  const run = process.run()
  const moving: MoveDeps = {
    ...border,
    store: watchedStore(brokenStore(store, deps.mutant, border), deps, run),
    hash,
    cursor: lyingCursor(cursor, deps, border),
    stats: {add: (name) => saw(name)},
    report: (report) => {
      saw(`move ${report.state}`)
      if (process.run() === run) process.reportMove(report)
    },
    reclaimed: (report) => {
      saw(`reclaim ${report.state}`)
      if (process.run() === run) process.reportReclaim(report)
    },
    nowMs: process.atMs,
    after: laterOf(process, rest),
  }
  const mover = createMover(moving, (error) => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    violate('defect', `${process.facts.self.id} moves: ${text}`)
  })
  return {mover, moves: createMoveReceiver(moving)}
}

/** What the intra-data listener does with a request of a rebalance. */
export async function answerMove(
  moves: MoveReceiver,
  {req, res}: Exchange,
  {url, from}: {readonly url: string; readonly from: Voter | undefined},
): Promise<void> {
  const {path, query} = splitTarget(url)
  const body = (bytesMax: number): Promise<Buffer> => readBody(req, bytesMax)
  try {
    const answer = await serveMove(moves, {path, query: parseQuery(query), body, source: req, from})
    res.writeHead(200, [])
    res.end(answer)
  } catch (error) {
    answerError(req, res, error, 'target')
  }
}

/** A cursor that is old, or of somewhere else, now and then: it is a hint and nothing more. */
function lyingCursor(
  cursor: WalkCursorFile,
  {random, saw}: ObjectNodeDeps,
  {view}: ObjectsDeps,
): WalkCursorFile {
  const load: WalkCursorFile['load'] = () => {
    const {record} = view()
    const entry = record?.move?.entry
    const [bucket] = record === null ? [] : moveBuckets(view())
    if (record === null || entry === undefined || bucket === undefined || !random.chance(LIE_RATIO))
      return cursor.load()
    saw('cursor that lies')
    const after = random.pick(['', 'key-1', 'key-3', 'zzz'])
    return {rebalance: record.rmd.version, entry, bid: bucket.bid, after}
  }
  return {...cursor, load}
}

/** How often a walk is told that it had come far. */
const LIE_RATIO = 0.3

/** Tells of what is removed for good. */
function watchedStore(store: ObjectStore, deps: ObjectNodeDeps, run: number): ObjectStore {
  const {process} = deps
  return {
    ...store,
    discard: (order, done) => {
      let newest: ObjectAttributes | null = null
      const allowed = (found: ObjectAttributes): boolean => {
        newest = found
        return order.allowed(found)
      }
      store.discard({...order, allowed}, (error, removed) => {
        const runs = process.isUp() && process.run() === run
        if (removed && newest !== null && runs) deps.removed(process, order.key, newest)
        done(error, removed)
      })
    },
  }
}

/** The store as the mover and the receiver of a mutant see it. */
function brokenStore(
  store: ObjectStore,
  mutant: ObjectMutant | undefined,
  {view}: ObjectsDeps,
): ObjectStore {
  if (mutant?.moves === undefined) return store
  switch (mutant.moves) {
    case 'overwrite':
      return {
        ...store,
        lookup: () => ({type: 'none'}),
        commitWrite: (change, written, done) =>
          store.commitWrite({...change, decide: () => change.decide(null)}, written, done),
      }
    case 'without fsync':
      return {
        ...store,
        commitWrite: (change, written, done) =>
          store.commitWrite({...change, durable: false}, written, done),
      }
    case 'leave tombstones':
      return {
        ...store,
        page: (question) =>
          store.page(question)?.filter(({attributes}) => !attributes.tombstone) ?? null,
      }
    case 'cursor ahead': {
      const walked = new Set<string>()
      const isNew = ({attributes: {bid, name, gen}}: PlacedEntry): boolean => {
        const entry = view().record?.own.at(-1)?.index
        const what = `${entry} ${bid} ${name} ${formatGeneration(gen)}`
        return walked.size < walked.add(what).size
      }
      return {...store, page: (question) => store.page(question)?.filter(isNew) ?? null}
    }
    case 'see nothing':
      return {...store, page: () => []}
  }
}
