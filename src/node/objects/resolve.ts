/**
 * Finds the copy that a read may answer with: the local one where it is authoritative, else the
 * newest among the owners under the entries since (DESIGN: own). The common case, one settled
 * entry, is synchronous and asks nobody.
 */

import {unreachable} from '../../base/assert.ts'
import {AisError} from '../../base/errors.ts'
import type {Copy} from '../../core/objects/read.ts'
import {planRead, resolveRead} from '../../core/objects/read.ts'
import {forgetsTheSame, newestEntry} from '../../core/objects/ring.ts'
import {parseGeneration} from '../../model/generation.ts'
import type {NodeId} from '../../model/ids.ts'
import {HEADER} from '../../wire/headers.ts'
import type {TargetReply} from '../peer/data-client.ts'
import type {Lookup} from '../store/object-store.ts'
import {notFound, ownerAway} from './answers.ts'
import type {Admitted, ObjectCall} from './context.ts'
import {readQuestion, selfLabel, storeKey} from './context.ts'
import {TOMBSTONE_HEADER, askPath} from './questions.ts'

/** How long an owner may take to answer for one key. */
export const ASK_TIMEOUT_MS = 5_000

/** What an owner says it holds. */
export interface OwnersCopy extends Copy {
  /** AIStore's visible version; 0 when it did not say. */
  readonly version: number
}

/** The copy to answer with. */
export type Found =
  | {
      readonly type: 'local'
      readonly lookup: Extract<Lookup, {type: 'object'}>
      /** No lease vouches for it by now, whatever there was at admission. */
      readonly stale: boolean
    }
  | {readonly type: 'remote'; readonly from: NodeId}

export type FoundDone = (error: unknown, found: Found | undefined) => void

/** @param wantContent false when only attributes are needed */
export function resolveCopy(
  call: ObjectCall,
  admitted: Admitted,
  wantContent: boolean,
  done: FoundDone,
): void {
  const {store} = call.deps
  const key = storeKey(call, admitted)
  store.whenSettled(key, () => {
    let lookup: Lookup
    try {
      lookup = store.lookup(key, wantContent)
    } catch (error) {
      return done(error, undefined)
    }
    if (lookup.type === 'unsure') return done(ownerAway(call, lookup.missing), undefined)
    const plan = planRead(readQuestion(call), copyOf(lookup))
    if (plan.type === 'local') return concludeLocal(call, admitted, lookup, done)
    if (lookup.type === 'object') store.close(lookup.file)
    const read = {call, admitted, wantContent}
    void concludeAsked(read, plan.targets).then(
      (found) => setImmediate(done, null, found),
      (error: unknown) => setImmediate(done, error, undefined),
    )
  })
}

/** The key may have been waited for: what was true at admission is looked at again. */
function concludeLocal(
  call: ObjectCall,
  admitted: Admitted,
  lookup: Exclude<Lookup, {type: 'unsure'}>,
  done: FoundDone,
): void {
  const stale = !call.deps.leaseValid()
  if (newestEntry(call.deps.ring())?.index !== admitted.entryIndex) {
    if (lookup.type === 'object') call.deps.store.close(lookup.file)
    return done(leaseLost(call), undefined)
  }
  if (lookup.type === 'object') return done(null, {type: 'local', lookup, stale})
  // Another owner may have written it since: without a lease nobody is told that it is not there.
  done(stale ? leaseLost(call) : notFound(call), undefined)
}

interface CopyRead {
  readonly call: ObjectCall
  readonly admitted: Admitted
  readonly wantContent: boolean
}

/** Asks, reads the local copy last, and checks that all of it still holds. @throws AisError */
async function concludeAsked(read: CopyRead, targets: readonly NodeId[]): Promise<Found> {
  const {call, admitted, wantContent} = read
  const asked = call.deps.ring()
  const answers = await askOwners(call, admitted, targets)
  if (!forgetsTheSame(asked, call.deps.ring())) throw leaseLost(call)
  const lookup = call.deps.store.lookup(storeKey(call, admitted), wantContent)
  try {
    const found = judge(read, lookup, answers)
    if (found.type === 'remote' && lookup.type === 'object') call.deps.store.close(lookup.file)
    return found
  } catch (error) {
    if (lookup.type === 'object') call.deps.store.close(lookup.file)
    throw error
  }
}

function judge(
  {call, admitted}: CopyRead,
  lookup: Lookup,
  answers: ReadonlyMap<NodeId, OwnersCopy | null>,
): Found {
  if (lookup.type === 'unsure') throw ownerAway(call, lookup.missing)
  const entry = newestEntry(call.deps.ring())
  if (!call.deps.leaseValid() || entry?.index !== admitted.entryIndex) throw leaseLost(call)
  const outcome = resolveRead(readQuestion(call), copyOf(lookup), answers)
  switch (outcome.type) {
    case 'unknown':
      throw ownerAway(
        call,
        outcome.silent.map((id) => `t[${id}]`),
      )
    case 'missing':
      throw notFound(call)
    case 'remote':
      return {type: 'remote', from: outcome.from}
    case 'local':
      if (lookup.type !== 'object') throw notFound(call)
      return {type: 'local', lookup, stale: false}
    default:
      return unreachable(outcome)
  }
}

/** What each owner holds; one that does not answer is not in the result. */
export async function askOwners(
  call: ObjectCall,
  admitted: Admitted,
  targets: readonly NodeId[],
): Promise<ReadonlyMap<NodeId, OwnersCopy | null>> {
  const answers = new Map<NodeId, OwnersCopy | null>()
  await Promise.all(
    targets.map(async (id) => {
      const to = call.deps.view().record?.smap.nodes[id]
      if (to === undefined) return
      try {
        const path = askPath(call, admitted, to)
        const ask = {to, method: 'HEAD', path, timeoutMs: ASK_TIMEOUT_MS}
        const reply = await call.deps.askTarget(ask)
        reply.body.resume()
        const copy = copyOfReply(reply)
        if (copy !== undefined) answers.set(id, copy)
      } catch (error) {
        // Silence is an outcome: whether it matters is decided over all answers.
        call.deps.log.debug('owner did not answer', {owner: id, error: String(error)})
      }
    }),
  )
  return answers
}

function copyOfReply(reply: TargetReply): OwnersCopy | null | undefined {
  if (reply.status !== 200 && reply.status !== 404) return undefined
  const text = reply.headers[HEADER.generation.toLowerCase()]
  const gen = typeof text === 'string' ? parseGeneration(text) : undefined
  if (gen === undefined) return reply.status === 404 ? null : undefined
  const version = Number(reply.headers[HEADER.version.toLowerCase()] ?? 0)
  return {gen, tombstone: reply.headers[TOMBSTONE_HEADER.toLowerCase()] === 'true', version}
}

function copyOf(lookup: Lookup): Copy | null {
  if (lookup.type === 'object') return {gen: lookup.file.footer.attributes.gen, tombstone: false}
  if (lookup.type === 'tombstone') return {gen: lookup.attributes.gen, tombstone: true}
  return null
}

function leaseLost(call: ObjectCall): AisError {
  const message = `${selfLabel(call.deps)} holds no data lease, or ownership is changing`
  return new AisError({code: 'NOT_READY', message})
}
