/**
 * The answers of the object path: headers as recorded from AIStore, refusals, redirects to the
 * owner.
 */

import type {ServerResponse} from 'node:http'
import {AisError} from '../../base/errors.ts'
import type {Admission} from '../../core/objects/admit.ts'
import {endpointUrl} from '../../model/node.ts'
import type {HeaderPair} from '../../wire/headers.ts'
import {HEADER, sortHeaders} from '../../wire/headers.ts'
import type {ObjectPlace} from '../../wire/object.ts'
import {encodeHeadHeaders, encodeHeadProps, parseHeadProps} from '../../wire/object.ts'
import {QUERY} from '../../wire/query.ts'
import {decodeRedirectMark, encodeLocation} from '../../wire/redirect.ts'
import {answerError} from '../http/answer.ts'
import type {Mountpath} from '../store/mountpath/mountpaths.ts'
import type {ObjectFile} from '../store/object/object-file.ts'
import type {ObjectCall} from './context.ts'
import {objectLabel, selfLabel} from './context.ts'

/** Marks an answer that no lease vouches for. */
const STALE: readonly HeaderPair[] = [[HEADER.degraded, 'stale']]

/** Writes a head; pairs may repeat a name. Sorted as Go's servers do. */
export function writeHead(res: ServerResponse, status: number, pairs: readonly HeaderPair[]): void {
  res.writeHead(status, sortHeaders(pairs).flat())
}

/** The marking of an answer that may be stale; nothing otherwise. */
export function staleHeaders({stale}: {readonly stale: boolean}): readonly HeaderPair[] {
  return stale ? STALE : []
}

export function fail(call: ObjectCall, error: unknown): void {
  if (!(error instanceof AisError)) {
    call.deps.log.error('object request failed', {
      object: objectLabel(call.route),
      method: call.req.method,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    })
  }
  answerError(call.req, call.res, error, selfLabel(call.deps))
}

/** Answers what admission did not let through. */
export function refuse(call: ObjectCall, admission: Exclude<Admission, {type: 'proceed'}>): void {
  if (admission.type === 'refuse') return fail(call, new AisError(admission.refusal))
  if (call.origin === 'data') {
    const {message, details} = {
      message: `${selfLabel(call.deps)} does not own ${objectLabel(call.route)}`,
      details: {owner: admission.to.id, record: admission.recordIndex},
    }
    return fail(call, new AisError({code: 'STALE_RECORD', message, details}))
  }
  const mark = decodeRedirectMark(call.route.query)
  const location = encodeLocation({
    directUrl: endpointUrl(admission.to.public),
    rawPath: call.route.rawPath,
    rawQuery: call.route.rawQuery,
    pid: mark?.pid ?? call.deps.view().self.id,
    utmNs: call.deps.now().ns,
    fence: admission.recordIndex,
    hops: (mark?.hops ?? 0) + 1,
  })
  writeHead(call.res, 307, [
    ['Location', location],
    ['Content-Length', '0'],
    ['Cache-Control', 'no-store'],
  ])
  call.res.end()
  if (!call.req.complete) call.req.resume()
}

/** 404 as AIStore words it for GET and HEAD. */
export function notFound(call: ObjectCall): AisError {
  const message = `${selfLabel(call.deps)}: ${objectLabel(call.route)} does not exist`
  return new AisError({code: 'OBJECT_NOT_FOUND', message})
}

/** 503: something newer may exist where nobody answers now. */
export function ownerAway(call: ObjectCall, where: readonly string[]): AisError {
  const what = `${objectLabel(call.route)}: ${where.join(', ')} cannot be asked now`
  return new AisError({
    code: 'OWNER_UNAVAILABLE',
    message: `${selfLabel(call.deps)}: ${what}`,
    hint: 'see `aisctl show cluster` for what is away; the request can be repeated',
    details: {away: where},
  })
}

/** What HEAD says of a copy here, or as much of it as `props` asks for. @throws AisError */
export function headHeaders(call: ObjectCall, file: ObjectFile): readonly HeaderPair[] {
  const {attributes} = file.footer
  const copies = call.deps.store.copiesOf(file)
  const place = {...placeOf(call, file.mountpath), ...(copies.length > 1 ? {copies} : {})}
  const props = call.route.query.get(QUERY.props)
  if (props === undefined || props === '') {
    return encodeHeadHeaders(call.route.ref, attributes, place)
  }
  return encodeHeadProps(parseHeadProps(props), attributes, place)
}

/** Where an object lies, for people. */
export function placeOf(call: ObjectCall, mountpath: Mountpath): ObjectPlace {
  const {path, disks, label} = mountpath
  return {node: selfLabel(call.deps), mountpath: path, label, disks}
}
