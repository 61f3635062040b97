/**
 * Brings an object from another target and stores it under the call's key as a new version: for a
 * change of metadata whose newest copy lies with an earlier owner, and for a rename to a name that
 * another target owns.
 */

import {AisError} from '../../base/errors.ts'
import type {Generation} from '../../model/generation.ts'
import {GENERATION_NONE, parseGeneration} from '../../model/generation.ts'
import type {Member} from '../../model/node.ts'
import type {ObjectAttributes} from '../../model/object.ts'
import type {WriteDone} from '../store/object-store.ts'
import {collectHeaders, HEADER} from '../../wire/headers.ts'
import type {ObjectProps} from '../../wire/object.ts'
import {decodeObjectHeaders} from '../../wire/object.ts'
import type {AdmittedCall, NewVersion} from './commit.ts'
import {commitBody} from './commit.ts'
import type {ObjectCall} from './context.ts'
import {objectLabel, storeKey} from './context.ts'
import {askPath} from './questions.ts'
import {receiveBody} from './receive.ts'

/** How long the sender may be silent. */
const PULL_TIMEOUT_MS = 30_000

/** What the sender says of its copy. */
export interface PulledCopy extends ObjectProps {
  readonly gen: Generation
}

export interface Pull {
  readonly from: Member
  /** Name of the object there. */
  readonly name: string
  /** The new version, from what the sender says of its copy and from what is here; or why not. */
  readonly make: (source: PulledCopy, previous: ObjectAttributes | null) => NewVersion | AisError
}

export async function pullObject(write: AdmittedCall, pull: Pull, done: WriteDone): Promise<void> {
  const {call, admitted} = write
  const {deps} = call
  const path = askPath(call, admitted, pull.from, pull.name)
  const ask = {to: pull.from, method: 'GET', path, timeoutMs: PULL_TIMEOUT_MS}
  const reply = await deps.askTarget(ask).catch((error: unknown) => {
    throw pullError(call, error instanceof Error ? error : null)
  })
  if (reply.status !== 200) {
    reply.body.resume()
    const message = `t[${pull.from.id}] does not give ${objectLabel(call.route)}: ${reply.status}`
    return done(new AisError({code: 'OWNER_UNAVAILABLE', message}), undefined)
  }
  const text = reply.headers[HEADER.generation.toLowerCase()]
  const gen = (typeof text === 'string' ? parseGeneration(text) : undefined) ?? GENERATION_NONE
  const source = {...decodeObjectHeaders(collectHeaders(reply.rawHeaders)), gen}
  const {checksum} = source
  const checksums = [deps.settings(admitted.bucket).checksumType, checksum?.type ?? 'none'].filter(
    (type) => type !== 'none',
  )
  const wanted = {key: storeKey(call, admitted), checksums}
  receiveBody(deps.store, wanted, reply.body, (error, received) => {
    if (received === undefined) return done(pullError(call, error), undefined)
    const found = received.body.checksums.find((sum) => sum.type === checksum?.type)
    if (received.body.sizeBytes !== source.sizeBytes || found?.value !== checksum?.value) {
      received.write.body.abort()
      const message = `${objectLabel(call.route)} came damaged from t[${pull.from.id}]`
      return done(new AisError({code: 'BAD_CHECKSUM', message}), undefined)
    }
    commitBody(write, received, (previous) => pull.make(source, previous), done)
  })
}

function pullError(call: ObjectCall, error: Error | null): AisError {
  if (error instanceof AisError) return error
  const message = `${objectLabel(call.route)} did not arrive: ${error?.message ?? 'no body'}`
  return new AisError({code: 'OWNER_UNAVAILABLE', message}, error)
}
