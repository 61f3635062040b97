/**
 * DELETE of an object: always a tombstone, also of one that does not exist here, because an older
 * copy elsewhere must stay hidden (R21). The client still hears 404 when there was nothing.
 */

import {AisError} from '../../base/errors.ts'
import {admit} from '../../core/objects/admit.ts'
import {planRead} from '../../core/objects/read.ts'
import {compareGenerations} from '../../model/generation.ts'
import type {ObjectAttributes} from '../../model/object.ts'
import type {Decide} from '../store/object-store.ts'
import {fail, refuse, writeHead} from './answers.ts'
import {afterCommit, isDurable, problemNow} from './commit.ts'
import type {Admitted, ObjectCall} from './context.ts'
import {keyRequestOf, objectLabel, readQuestion, standingOf, storeKey} from './context.ts'
import {isRedirected, notRedirected} from './put.ts'
import type {OwnersCopy} from './resolve.ts'
import {askOwners} from './resolve.ts'

export function deleteObject(call: ObjectCall): void {
  if (!isRedirected(call)) return fail(call, notRedirected(call))
  const admission = admit(standingOf(call.deps), keyRequestOf(call, 'write'))
  if (admission.type !== 'proceed') return refuse(call, admission)
  const plan = planRead(readQuestion(call), null)
  if (plan.type === 'local') return remove(call, admission, [])
  askOwners(call, admission, plan.targets).then(
    (answers) => {
      const silent = plan.targets.some((id) => !answers.has(id))
      remove(call, admission, [...answers.values()], silent)
    },
    (error: unknown) => fail(call, error),
  )
}

function remove(
  call: ObjectCall,
  admitted: Admitted,
  elsewhere: readonly (OwnersCopy | null)[],
  silent = false,
): void {
  // A disk that is away may hold it: then nobody can say that there was nothing.
  const unsure = silent || !call.deps.store.isCovered(admitted.bucket.bid)
  let existed = false
  tombstone(
    call,
    admitted,
    (previous) => {
      existed = unsure || didExist(previous, elsewhere)
      return null
    },
    (error) => {
      if (error !== null) return fail(call, error)
      if (!existed) {
        const message = `${objectLabel(call.route)} doesn't exist`
        return fail(call, new AisError({code: 'NOTHING_DELETED', message}))
      }
      writeHead(call.res, 200, [['Content-Length', '0']])
      call.res.end()
    },
  )
}

/**
 * Writes a tombstone over the call's key. @param onPrevious hears what is there, under
 * the lock, and may object
 */
export function tombstone(
  call: ObjectCall,
  admitted: Admitted,
  onPrevious: (previous: ObjectAttributes | null) => AisError | null,
  done: (error: AisError | null) => void,
): void {
  const {store} = call.deps
  const decide: Decide = (previous) => {
    const problem = problemNow(call, admitted)
    if (problem !== null) return problem
    const objection = onPrevious(previous)
    if (objection !== null) return objection
    const now = call.deps.now().ns
    const attributes = {
      name: call.route.name,
      bid: admitted.bucket.bid,
      sizeBytes: 0,
      gen: {own: admitted.entryIndex, counter: store.nextCounter()},
      version: 0,
      atimeNs: now,
      mtimeNs: now,
      checksum: {type: 'none' as const, value: ''},
      custom: {},
      tombstone: true,
    }
    return {attributes, moreChecksums: []}
  }
  const finish = afterCommit(call, admitted, (error) => done(error))
  const change = {key: storeKey(call, admitted), durable: isDurable(admitted), decide}
  store.remove(change, finish)
}

/** Whether the newest known version was an object. */
function didExist(
  previous: ObjectAttributes | null,
  elsewhere: readonly (OwnersCopy | null)[],
): boolean {
  let newest = previous === null ? null : {gen: previous.gen, tombstone: previous.tombstone}
  for (const copy of elsewhere) {
    if (copy === null) continue
    if (newest === null || compareGenerations(copy.gen, newest.gen) > 0) newest = copy
  }
  return newest !== null && !newest.tombstone
}
