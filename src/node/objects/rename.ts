/**
 * POST of an object: rename within a bucket. The new name is durable with its owner before the old
 * one becomes a tombstone, so that a failure in between leaves both names, never none.
 */

import {AisError} from '../../base/errors.ts'
import {admit} from '../../core/objects/admit.ts'
import {newestEntry, ownerUnder} from '../../core/objects/ring.ts'
import {objectDigest} from '../../core/placement/locate.ts'
import type {Generation} from '../../model/generation.ts'
import {
  GENERATION_NONE,
  compareGenerations,
  formatGeneration,
  parseGeneration,
} from '../../model/generation.ts'
import type {ObjectName} from '../../model/ids.ts'
import {isRefusal, parseObjectName} from '../../model/ids.ts'
import {CONTROL_BODY_BYTES_MAX} from '../../model/limits.ts'
import type {Member} from '../../model/node.ts'
import type {ObjectAttributes} from '../../model/object.ts'
import {ACTION, decodeAction, encodeAction} from '../../wire/action.ts'
import {HEADER} from '../../wire/headers.ts'
import {objectPath} from '../../wire/paths.ts'
import {bucketQuery, formatQuery} from '../../wire/query.ts'
import {readBody} from '../peer/body.ts'
import {fail, ownerAway, refuse, writeHead} from './answers.ts'
import type {Admitted, ObjectCall} from './context.ts'
import {keyRequestOf, objectLabel, selfLabel, standingOf} from './context.ts'
import {tombstone} from './delete.ts'
import type {Pull} from './pull.ts'
import {pullObject} from './pull.ts'
import {isRedirected, notRedirected} from './put.ts'
import {resolveCopy} from './resolve.ts'

/** Between targets: "store this object of mine under your name". */
const PULL_ACTION = 'ext-pull'
/** A rename copies the object; a large one takes its time. */
const RENAME_TIMEOUT_MS = 600_000

export async function postObject(call: ObjectCall): Promise<void> {
  const body = await readBody(call.req, CONTROL_BODY_BYTES_MAX)
  const message = decodeAction(body.toString('utf8'))
  if (message.action === PULL_ACTION && call.origin === 'data') {
    return takeOver(call, message.name, message.value)
  }
  if (message.action !== ACTION.renameObject) {
    const what = `object action ${JSON.stringify(message.action)} is not supported`
    return fail(call, new AisError({code: 'UNSUPPORTED', message: what}))
  }
  if (!isRedirected(call)) return fail(call, notRedirected(call))
  const name = parseObjectName(message.name)
  if (isRefusal(name)) return fail(call, new AisError(name))
  renameObject(call, name)
}

function renameObject(call: ObjectCall, name: ObjectName): void {
  const admission = admit(standingOf(call.deps), keyRequestOf(call, 'write'))
  if (admission.type !== 'proceed') return refuse(call, admission)
  if (name === call.route.name) {
    const message = `${JSON.stringify(name)} is its name already`
    return fail(call, new AisError({code: 'BAD_REQUEST', message}))
  }
  resolveCopy(call, admission, false, (error, found) => {
    if (error !== null || found === undefined) return fail(call, error)
    if (found.type === 'local') call.deps.store.close(found.lookup.file)
    const holder = found.type === 'local' ? call.deps.view().self.id : found.from
    copyThenDelete(call, admission, name, holder).catch((problem: unknown) => fail(call, problem))
  })
}

async function copyThenDelete(
  call: ObjectCall,
  admitted: Admitted,
  name: ObjectName,
  holder: string,
): Promise<void> {
  const to = ownerOf(call, name)
  const query = formatQuery(bucketQuery(admitted.bucket.ref))
  const question = {
    to,
    method: 'POST',
    path: `${objectPath(admitted.bucket.ref.name, name)}?${query}`,
    body: encodeAction({action: PULL_ACTION, name: call.route.name, value: {from: holder}}),
    timeoutMs: RENAME_TIMEOUT_MS,
  }
  const reply = await call.deps.askTarget(question).catch((error: unknown) => {
    call.deps.log.warn('rename was not answered', {by: to.id, error: String(error)})
    throw ownerAway(call, [`t[${to.id}]`])
  })
  reply.body.resume()
  if (reply.status !== 200) throw ownerAway(call, [`t[${to.id}]`])
  const copied = reply.headers[HEADER.generation.toLowerCase()]
  const gen = (typeof copied === 'string' ? parseGeneration(copied) : undefined) ?? GENERATION_NONE
  tombstone(
    call,
    admitted,
    (previous) => changedMeanwhile(call, previous, gen),
    (error) => {
      if (error !== null) return fail(call, error)
      writeHead(call.res, 200, [['Content-Length', '0']])
      call.res.end()
    },
  )
}

/** What was written under the old name after the copy was made must not go with it. */
function changedMeanwhile(
  call: ObjectCall,
  previous: ObjectAttributes | null,
  copied: Generation,
): AisError | null {
  if (previous === null || previous.tombstone) return null
  if (compareGenerations(previous.gen, copied) <= 0) return null
  return new AisError({
    code: 'BUSY',
    message: `${objectLabel(call.route)} was changed while it was renamed, and stays`,
    hint: 'the new name holds the older version; repeat the rename or delete one of them',
  })
}

function ownerOf(call: ObjectCall, name: ObjectName): Member {
  const entry = newestEntry(call.deps.ring())
  const digest = objectDigest(call.route.ref, name)
  const id = entry === undefined ? undefined : ownerUnder(entry, digest)
  const owner = id === undefined ? undefined : call.deps.view().record?.smap.nodes[id]
  if (owner !== undefined && owner.away === null) return owner
  throw ownerAway(call, ['the owner of the new name'])
}

/** The other side: fetch the object named by the asker and keep it under this call's name. */
function takeOver(call: ObjectCall, name: string, value: unknown): void {
  const admission = admit(standingOf(call.deps), keyRequestOf(call, 'write'))
  if (admission.type !== 'proceed') return refuse(call, admission)
  const from = typeof value === 'object' && value !== null && 'from' in value ? value.from : ''
  const member = call.deps.view().record?.smap.nodes[String(from)]
  if (member === undefined) {
    const message = `${selfLabel(call.deps)} does not know the target ${String(from)}`
    return fail(call, new AisError({code: 'NODE_NOT_FOUND', message}))
  }
  let gen = GENERATION_NONE
  const pull: Pull = {
    from: member,
    name,
    make: (source) => {
      gen = source.gen
      return {custom: source.custom, version: Number(source.version ?? 1)}
    },
  }
  pullObject({call, admitted: admission}, pull, (error) => {
    if (error !== null) return fail(call, error)
    writeHead(call.res, 200, [
      ['Content-Length', '0'],
      [HEADER.generation, formatGeneration(gen)],
    ])
    call.res.end()
  }).catch((error: unknown) => fail(call, error))
}
