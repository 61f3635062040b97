/**
 * The last steps of every write, in the order that the promises need: ownership and lease are
 * checked when the key is locked, the generation is given then, and both are checked again when the
 * version is durable, before anybody is told (R22).
 */

import {AisError} from '../../base/errors.ts'
import {checkCommit} from '../../core/objects/admit.ts'
import {nextVersion} from '../../core/objects/read.ts'
import type {Checksum, ChecksumType, ObjectAttributes} from '../../model/object.ts'
import type {Decide, WriteDone} from '../store/object-store.ts'
import type {Admitted, ObjectCall} from './context.ts'
import {standingOf, storeKey} from './context.ts'
import type {Received} from './receive.ts'

/** What a write makes of the version that it finds; the rest follows from the body. */
export interface NewVersion {
  readonly custom: Readonly<Record<string, string>>
  readonly version: number
}

/** A write that was admitted. */
export interface AdmittedCall {
  readonly call: ObjectCall
  readonly admitted: Admitted
}

/** Commits a body as the next version of the call's key. */
export function commitBody(
  {call, admitted}: AdmittedCall,
  received: Received,
  make: (previous: ObjectAttributes | null) => NewVersion | AisError,
  done: WriteDone,
): void {
  const {store, settings} = call.deps
  const {checksumType} = settings(admitted.bucket)
  const {body} = received
  const decide: Decide = (previous) => {
    const problem = problemNow(call, admitted)
    if (problem !== null) return problem
    const made = make(previous)
    if (made instanceof AisError) return made
    const [checksum, moreChecksums] = pickChecksum(body.checksums, checksumType)
    const now = call.deps.now().ns
    const attributes = {
      name: call.route.name,
      bid: admitted.bucket.bid,
      sizeBytes: body.sizeBytes,
      gen: {own: admitted.entryIndex, counter: store.nextCounter()},
      atimeNs: now,
      mtimeNs: now,
      checksum,
      tombstone: false,
      ...made,
    }
    return {attributes, moreChecksums}
  }
  const change = {key: storeKey(call, admitted), durable: isDurable(admitted), decide}
  store.commitWrite(change, received, afterCommit(call, admitted, done))
}

/** `relaxed` is a bucket's own choice, and excluded from the promises. */
export function isDurable(admitted: Admitted): boolean {
  return admitted.bucket.durability !== 'relaxed'
}

/** Why a write may not go on, by what is known now; null when it may. */
export function problemNow(call: ObjectCall, admitted: Admitted): AisError | null {
  const refused = checkCommit(standingOf(call.deps), admitted)
  return refused === null ? null : new AisError(refused)
}

/** The check after the write, before the reply. */
export function afterCommit(call: ObjectCall, admitted: Admitted, done: WriteDone): WriteDone {
  return (error, attributes) => {
    if (error !== null) return done(error, attributes)
    done(problemNow(call, admitted), attributes)
  }
}

/** The visible version of an overwrite: one more than the highest known, here or elsewhere. */
export function versionAfter(previous: ObjectAttributes | null, elsewhere: number): number {
  return Math.max(nextVersion(previous), elsewhere + 1)
}

/** The checksum that the bucket shows, and the others. */
function pickChecksum(
  checksums: readonly Checksum[],
  shown: ChecksumType,
): readonly [Checksum, readonly Checksum[]] {
  const picked = checksums.find((sum) => sum.type === shown)
  if (picked === undefined) return [{type: 'none', value: ''}, checksums]
  return [picked, checksums.filter((sum) => sum !== picked)]
}
