/**
 * PUT of an object: from the socket to a durable new version, verified against what the client
 * said.
 */

import {AisError} from '../../base/errors.ts'
import {admit} from '../../core/objects/admit.ts'
import {planRead} from '../../core/objects/read.ts'
import type {ChecksumType} from '../../model/object.ts'
import {collectHeaders} from '../../wire/headers.ts'
import type {PutRequest} from '../../wire/object.ts'
import {badChecksumMessage, decodePutHeaders, encodeObjectHeaders} from '../../wire/object.ts'
import {decodeRedirectMark} from '../../wire/redirect.ts'
import {fail, refuse, writeHead} from './answers.ts'
import type {AdmittedCall} from './commit.ts'
import {commitBody, versionAfter} from './commit.ts'
import type {Admitted, ObjectCall} from './context.ts'
import {
  keyRequestOf,
  objectLabel,
  readQuestion,
  selfLabel,
  standingOf,
  storeKey,
} from './context.ts'
import type {Received} from './receive.ts'
import {SenderGone, receiveBody} from './receive.ts'
import {askOwners} from './resolve.ts'

/** Kinds of PUT that are another operation in AIStore, and not served yet. */
const OTHER_PUTS: readonly string[] = [
  'append_type',
  'archpath',
  'uploadId',
  'partNumber',
  'object_to',
]

export function putObject(call: ObjectCall): void {
  const other = OTHER_PUTS.find((key) => call.route.query.has(key))
  if (other !== undefined) {
    const message = `PUT with ${other} is not supported`
    return fail(call, new AisError({code: 'UNSUPPORTED', message}))
  }
  if (!isRedirected(call)) return fail(call, notRedirected(call))
  const admission = admit(standingOf(call.deps), keyRequestOf(call, 'write'))
  if (admission.type !== 'proceed') return refuse(call, admission)
  let request: PutRequest
  try {
    request = decodePutHeaders(collectHeaders(call.req.rawHeaders))
  } catch (error) {
    return fail(call, error)
  }
  if (call.req.headers.expect !== undefined) call.res.writeContinue()
  const elsewhere = versionElsewhere(call, admission)
  const checksums = wantedTypes(call, admission, request)
  const wanted = {key: storeKey(call, admission), checksums}
  const write = {call, admitted: admission}
  receiveBody(call.deps.store, wanted, call.req, (error, received) => {
    if (error instanceof SenderGone) return void call.res.destroy()
    if (received === undefined) return fail(call, error)
    const damage = checksumProblem(call, request, received)
    if (damage !== null) {
      received.write.body.abort()
      return fail(call, damage)
    }
    if (elsewhere === null) return commit(write, request, received, 0)
    elsewhere.then(
      (version) => commit(write, request, received, version),
      (problem: unknown) => {
        received.write.body.abort()
        fail(call, problem)
      },
    )
  })
}

function commit(
  write: AdmittedCall,
  request: PutRequest,
  received: Received,
  elsewhere: number,
): void {
  const {custom} = request
  const {call} = write
  commitBody(
    write,
    received,
    (previous) => ({custom, version: versionAfter(previous, elsewhere)}),
    (error, attributes) => {
      if (error !== null || attributes === undefined) return fail(call, error)
      call.route.onBytes?.(attributes.sizeBytes)
      writeHead(call.res, 200, [...encodeObjectHeaders(attributes), ['Content-Length', '0']])
      call.res.end()
    },
  )
}

/**
 * A gateway's mark, or another node: a client that comes by itself has not asked who owns the key.
 */
export function isRedirected(call: ObjectCall): boolean {
  return call.origin === 'data' || decodeRedirectMark(call.route.query) !== null
}

export function notRedirected(call: ObjectCall): AisError {
  const message = `${selfLabel(call.deps)}: ${call.req.method}(obj) is expected to be redirected`
  return new AisError({
    code: 'NOT_REDIRECTED',
    message,
    hint: 'send the request to a gateway',
  })
}

function wantedTypes(
  call: ObjectCall,
  admitted: Admitted,
  request: PutRequest,
): readonly ChecksumType[] {
  const {checksumType} = call.deps.settings(admitted.bucket)
  const types = new Set<ChecksumType>([checksumType])
  if (request.checksum !== null) types.add(request.checksum.type)
  types.delete('none')
  return [...types]
}

function checksumProblem(
  call: ObjectCall,
  request: PutRequest,
  received: Received,
): AisError | null {
  const expected = request.checksum
  if (expected === null) return null
  const found = received.body.checksums.find((sum) => sum.type === expected.type)
  if (found === undefined || found.value === expected.value) return null
  const message = badChecksumMessage(expected, found.value, objectLabel(call.route))
  return new AisError({code: 'BAD_CHECKSUM', message})
}

/**
 * The highest visible version among earlier owners that answer, so that it goes on counting after
 * a move; null when the local state is all there is to know. For people: silence costs nothing.
 */
function versionElsewhere(call: ObjectCall, admitted: Admitted): Promise<number> | null {
  const plan = planRead(readQuestion(call), null)
  if (plan.type === 'local') return null
  return askOwners(call, admitted, plan.targets).then((answers) =>
    Math.max(
      0,
      ...[...answers.values()].map((copy) => (copy === null || copy.tombstone ? 0 : copy.version)),
    ),
  )
}
