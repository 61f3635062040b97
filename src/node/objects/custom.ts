/** PATCH of an object's custom metadata: a new footer under a new generation, the same content. */

import {AisError} from '../../base/errors.ts'
import {admit} from '../../core/objects/admit.ts'
import {compareGenerations} from '../../model/generation.ts'
import type {NodeId} from '../../model/ids.ts'
import {CONTROL_BODY_BYTES_MAX} from '../../model/limits.ts'
import {decodeAction} from '../../wire/action.ts'
import {checkCustom} from '../../wire/object.ts'
import {QUERY, queryFlag} from '../../wire/query.ts'
import {readBody} from '../peer/body.ts'
import type {Decide, WriteDone} from '../store/object-store.ts'
import {fail, notFound, ownerAway, refuse, writeHead} from './answers.ts'
import type {AdmittedCall} from './commit.ts'
import {afterCommit, isDurable, problemNow} from './commit.ts'
import type {Admitted, ObjectCall} from './context.ts'
import {keyRequestOf, standingOf, storeKey} from './context.ts'
import type {Pull} from './pull.ts'
import {pullObject} from './pull.ts'
import {isRedirected, notRedirected} from './put.ts'
import {resolveCopy} from './resolve.ts'

type Custom = Readonly<Record<string, string>>

export async function patchObject(call: ObjectCall): Promise<void> {
  if (!isRedirected(call)) return fail(call, notRedirected(call))
  const admission = admit(standingOf(call.deps), keyRequestOf(call, 'write'))
  if (admission.type !== 'proceed') return refuse(call, admission)
  const body = await readBody(call.req, CONTROL_BODY_BYTES_MAX)
  const custom = customOf(decodeAction(body.toString('utf8')).value)
  checkCustom(custom)
  const replace = queryFlag(call.route.query, QUERY.setNewCustom)
  const change = (old: Custom): Custom => (replace ? custom : {...old, ...custom})
  const done: WriteDone = (error) => {
    if (error !== null) return fail(call, error)
    writeHead(call.res, 200, [['Content-Length', '0']])
    call.res.end()
  }
  resolveCopy(call, admission, false, (error, found) => {
    if (error !== null || found === undefined) return fail(call, error)
    if (found.type === 'remote') return bring({call, admitted: admission}, found.from, change, done)
    call.deps.store.close(found.lookup.file)
    changeHere(call, admission, change, done)
  })
}

function changeHere(
  call: ObjectCall,
  admitted: Admitted,
  change: (old: Custom) => Custom,
  done: WriteDone,
): void {
  const {store} = call.deps
  const decide: Decide = (previous) => {
    const problem = problemNow(call, admitted)
    if (problem !== null) return problem
    if (previous === null || previous.tombstone) return notFound(call)
    const custom = change(previous.custom)
    checkCustom(custom)
    const gen = {own: admitted.entryIndex, counter: store.nextCounter()}
    return {attributes: {...previous, gen, custom}, moreChecksums: []}
  }
  const finish = afterCommit(call, admitted, done)
  const write = {key: storeKey(call, admitted), durable: isDurable(admitted), decide}
  store.changeMetadata(write, finish)
}

function bring(
  write: AdmittedCall,
  id: NodeId,
  change: (old: Custom) => Custom,
  done: WriteDone,
): void {
  const {call} = write
  const from = call.deps.view().record?.smap.nodes[id]
  if (from === undefined) return fail(call, ownerAway(call, [`t[${id}]`]))
  let overtaken = false
  const pull: Pull = {
    from,
    name: call.route.name,
    make: (source, previous) => {
      // Written or deleted here since that copy was found: then this is what is changed.
      overtaken = previous !== null && compareGenerations(previous.gen, source.gen) > 0
      if (overtaken) return notFound(call)
      return {custom: change(source.custom), version: Number(source.version ?? 1)}
    },
  }
  const finish: WriteDone = (error, attributes) => {
    if (overtaken) changeHere(call, write.admitted, change, done)
    else done(error, attributes)
  }
  pullObject(write, pull, finish).catch((error: unknown) => fail(call, error))
}

function customOf(value: unknown): Custom {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const entries = Object.entries(value as Record<string, unknown>)
    if (entries.every(([, item]) => typeof item === 'string')) {
      return Object.fromEntries(entries) as Custom
    }
  }
  throw new AisError({
    code: 'BAD_REQUEST',
    message: 'custom metadata is an object of texts: {"value": {"key": "value"}}',
  })
}
