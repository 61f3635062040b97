/**
 * The receiving half of a move: what is lacking of an offer, and objects made durable before the
 * answer. Takes nothing but for the rebalance that its own record speaks of, judged again under
 * each key's lock; keeps whatever has the higher generation (R20, R26). A copy that does not match
 * its checksums is refused by name and never stored.
 */

import type {Readable} from 'node:stream'
import {AisError} from '../../base/errors.ts'
import type {MoveMark} from '../../core/objects/move.ts'
import {bucketOfId, destinationOf, isBusy, isWanted, restMs} from '../../core/objects/move.ts'
import {moveTask, whyNotTaken} from '../../core/objects/move.ts'
import {folderOf} from '../../core/objects/file-name.ts'
import {objectDigest} from '../../core/placement/locate.ts'
import {bucketLabel} from '../../model/bucket.ts'
import type {Footer} from '../../wire/footer.ts'
import type {Failure, Frame, ObjectsAnswer, Offer, OfferAnswer} from '../../wire/move.ts'
import {decodeFrames} from '../../wire/move.ts'
import type {HeldAnswer, HeldQuestion} from '../../wire/reclaim.ts'
import {receiveBody} from '../objects/receive.ts'
import type {Received} from '../objects/receive.ts'
import type {Calm, WriteManner} from '../store/object/body-writer.ts'
import type {Decide, ObjectKey} from '../store/object-store.ts'
import type {MoveDeps} from './context.ts'
import {turn} from './context.ts'
import {confirmHeld} from './confirm.ts'
import {readFrameHead} from './frame-head.ts'
import {LOOKUPS_PER_TURN, heldOf, settled} from './held.ts'
import {createRoom, eachInRoom, type Room} from './room.ts'
import {createTaken, type Taken} from './taken.ts'

export interface MoveReceiver {
  /** @throws AisError NOT_READY: this rebalance does not go on here, or not yet */
  readonly offer: (offer: Offer & MoveMark) => Promise<OfferAnswer>
  /** Waits for room for one request's bytes; given back by calling. */
  readonly enter: () => Promise<() => void>
  readonly objects: (mark: MoveMark, body: Uint8Array) => Promise<ObjectsAnswer>
  readonly object: (mark: MoveMark, source: Readable) => Promise<ObjectsAnswer>
  /** Which of these are held here, before others remove them. @throws AisError NOT_READY */
  readonly held: (question: HeldQuestion) => Promise<HeldAnswer>
}

/** Requests with objects at a time, each of a few MiB: more wait before their bytes are read. */
const REQUESTS_MAX = 16
/** Objects on their way to the disk: many share flushes, few leave the disk to clients. */
const COMMITS_MAX = 256
const CALM_COMMITS_MAX = 4

interface Receiving extends MoveDeps {
  readonly commits: Room
  readonly taken: Taken
}

export function createMoveReceiver(deps: MoveDeps): MoveReceiver {
  const commits = createRoom(() => (isBusy(deps.traffic.now()) ? CALM_COMMITS_MAX : COMMITS_MAX))
  const requests = createRoom(() => REQUESTS_MAX)
  const taken = createTaken()
  const receiving: Receiving = {...deps, commits, taken}
  return {
    offer: (offer) => answerOffer(receiving, offer),
    enter: requests.enter,
    objects: (mark, body) => takeObjects(receiving, mark, body),
    object: (mark, source) => takeStreamed(receiving, mark, source),
    held: (question) => confirmHeld(deps, question),
  }
}

/** @throws AisError NOT_READY */
function checkReady(deps: MoveDeps, mark: MoveMark): void {
  const why = whyNotTaken(deps.view(), deps.ring(), mark)
  if (why !== null) throw new AisError({code: 'NOT_READY', message: why})
}

async function answerOffer(deps: Receiving, offer: Offer & MoveMark): Promise<OfferAnswer> {
  const wanted: number[] = []
  const failed: Failure[] = []
  checkReady(deps, offer)
  // Something newer may lie on a disk that is away.
  const isWhole = deps.store.missing().length === 0
  const {bid} = offer
  for (const [at, {name, gen}] of offer.names.entries()) {
    if (at % LOOKUPS_PER_TURN === LOOKUPS_PER_TURN - 1) {
      await turn()
      checkReady(deps, offer)
    }
    if (isWhole && deps.taken.has(offer, {bid, name, gen})) continue
    try {
      const key = keyHere(deps, bid, name)
      await settled(deps, key)
      if (isWanted(heldOf(deps, key), gen)) wanted.push(at)
    } catch (error) {
      if (!(error instanceof AisError) || error.code === 'NOT_READY') throw error
      failed.push({at, why: error.message})
    }
  }
  return {wanted, failed, busy: isBusy(deps.traffic.now())}
}

/** The key of a name that this target is to own. @throws AisError */
function keyHere(deps: MoveDeps, bid: string, name: string): ObjectKey {
  const view = deps.view()
  const bucket = bucketOfId(view, bid)
  const task = moveTask(view, deps.ring())
  if (bucket === undefined || task === null) {
    throw new AisError({code: 'NOT_READY', message: `there is no bucket ${bid} here`})
  }
  const digest = objectDigest(bucket.ref, name)
  const other = destinationOf(task, view.self.id, digest)
  if (other === null) return {bid, name, digest}
  throw new AisError({code: 'STALE_RECORD', message: `t[${other}] owns ${JSON.stringify(name)}`})
}

async function takeObjects(
  deps: Receiving,
  mark: MoveMark,
  body: Uint8Array,
): Promise<ObjectsAnswer> {
  checkReady(deps, mark)
  const failed: Failure[] = []
  const frames = inFolders(decodeFrames(body, deps.hash))
  await eachInRoom(deps.commits, frames, async ({frame, at}) => {
    const began = deps.nowMs()
    const why = await attempt(() => takeFrame(deps, mark, frame))
    if (why !== null) failed.push({at, why})
    await rested(deps, began)
  })
  return {failed}
}

/** Leaves room for clients after a piece of work. */
function rested({traffic, nowMs, after}: MoveDeps, sinceMs: number): Promise<void> {
  const ms = restMs(traffic.now(), nowMs() - sinceMs)
  return ms === 0 ? Promise.resolve() : new Promise((resolve) => after(ms, resolve))
}

/** The same for the blocks of a large object. */
function mannerOf(deps: MoveDeps): WriteManner {
  let sinceMs = deps.nowMs()
  const calm: Calm = {
    isWanted: () => isBusy(deps.traffic.now()),
    rest: (go) => {
      void rested(deps, sinceMs).then(() => {
        sinceMs = deps.nowMs()
        go()
      })
    },
  }
  return {calm, blocksOnly: true}
}

interface Placed {
  readonly frame: Frame
  /** Position in the request. */
  readonly at: number
}

/** Files of one folder one after the other: they share its flush. */
function inFolders(frames: readonly Frame[]): readonly Placed[] {
  return frames
    .map((frame, at) => ({frame, at, folder: folderOf(frame.footer.attributes.name)}))
    .sort((a, b) => (a.folder < b.folder ? -1 : a.folder > b.folder ? 1 : a.at - b.at))
}

/** What a step fails with, as words; null when it does not. NOT_READY concerns all and is thrown. */
async function attempt(step: () => Promise<void>): Promise<string | null> {
  try {
    await step()
    return null
  } catch (error) {
    if (!(error instanceof AisError) || error.code === 'NOT_READY') throw error
    return error.message
  }
}

async function takeFrame(deps: Receiving, mark: MoveMark, frame: Frame): Promise<void> {
  const {footer, content} = frame
  const key = keyHere(deps, footer.attributes.bid, footer.attributes.name)
  const received = await new Promise<Received>((resolve, reject) => {
    const write = deps.store.beginWrite(key, [], () => undefined, mannerOf(deps))
    if (content.byteLength > 0) write.body.push(content)
    write.body.finish((error, body) => {
      if (body === undefined) reject(error ?? new Error('a body ends with content or an error'))
      else resolve({write, body})
    })
  })
  await commitCopy(deps, mark, {key, footer, received})
}

async function takeStreamed(
  deps: Receiving,
  mark: MoveMark,
  source: Readable,
): Promise<ObjectsAnswer> {
  checkReady(deps, mark)
  const footer = await readFrameHead(source, deps.hash)
  const why = await attempt(async () => {
    const key = keyHere(deps, footer.attributes.bid, footer.attributes.name)
    const received = await new Promise<Received>((resolve, reject) => {
      receiveBody(
        deps.store,
        {key, checksums: [], manner: mannerOf(deps)},
        source,
        (error, got) => {
          if (got === undefined) reject(error ?? new Error('a body ends with content or an error'))
          else resolve(got)
        },
      )
    })
    await commitCopy(deps, mark, {key, footer, received})
  })
  return {failed: why === null ? [] : [{at: 0, why}]}
}

interface Arrived {
  readonly key: ObjectKey
  readonly footer: Footer
  readonly received: Received
}

/** Durable when it resolves; also when something as new was here already. @throws AisError */
async function commitCopy(deps: Receiving, mark: MoveMark, arrived: Arrived): Promise<void> {
  const {key, footer, received} = arrived
  const {attributes} = footer
  const {body} = received
  if (body.sizeBytes !== attributes.sizeBytes || Buffer.compare(body.blocks, footer.blocks) !== 0) {
    received.write.body.abort()
    const message = `${JSON.stringify(attributes.name)} came damaged: its checksums do not match`
    throw new AisError({code: 'BAD_CHECKSUM', message})
  }
  let isHere = false
  const decide: Decide = (previous) => {
    const why = whyNotTaken(deps.view(), deps.ring(), mark)
    if (why !== null) return new AisError({code: 'NOT_READY', message: why})
    try {
      keyHere(deps, attributes.bid, attributes.name)
      // What cannot be read counts as nothing for a new version, never for an old one.
      const held = previous === null ? heldOf(deps, key) : previous.gen
      isHere = !isWanted(held, attributes.gen)
    } catch (error) {
      if (error instanceof AisError) return error
      throw error
    }
    if (isHere) return new AisError({code: 'BUSY', message: 'it is here already'})
    deps.store.passCounter(attributes.gen.counter)
    return {attributes, moreChecksums: footer.moreChecksums, unknown: footer.unknown}
  }
  await new Promise<void>((resolve, reject) => {
    deps.store.commitWrite({key, durable: true, patient: true, decide}, received, (error) => {
      if (error !== null && !isHere) return reject(error)
      resolve()
    })
  })
  if (isHere) return
  deps.taken.note(mark, attributes, received.write.mountpaths)
  countIn(deps, attributes.bid, attributes.sizeBytes)
}

function countIn(deps: MoveDeps, bid: string, bytes: number): void {
  const bucket = bucketOfId(deps.view(), bid)
  const label = bucket === undefined ? '' : bucketLabel(bucket.ref)
  deps.stats.add('stream.in.n', label, 1)
  deps.stats.add('stream.in.size', label, bytes)
}
