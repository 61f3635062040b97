/**
 * What targets ask each other about one key, over the intra-data listener: "what do you hold?"
 * (HEAD), "give it to me" (GET), "take it from me" (POST pull). Answered from what lies on the
 * disks, whoever owns the key; only authenticated nodes can ask.
 */

import {AisError} from '../../base/errors.ts'
import {whyNotTold} from '../../core/objects/read.ts'
import {formatGeneration} from '../../model/generation.ts'
import type {Member} from '../../model/node.ts'
import type {HeaderPair} from '../../wire/headers.ts'
import {HEADER} from '../../wire/headers.ts'
import {encodeObjectHeaders} from '../../wire/object.ts'
import {objectPath} from '../../wire/paths.ts'
import {bucketQuery, formatQuery, QUERY, type Query} from '../../wire/query.ts'
import type {Lookup} from '../store/object-store.ts'
import type {ObjectFile} from '../store/object/object-file.ts'
import {fail, headHeaders, ownerAway, writeHead} from './answers.ts'
import type {Admitted, ObjectCall} from './context.ts'
import {sendFile} from './send.ts'

/** Query key of a question; its value is the id of the bucket that the asker means. */
export const ASK_KEY = 'ext-ask'
/** Query key: the answer to HEAD is the one that a client gets. */
const AS_CLIENT_KEY = 'ext-head'
/** Query keys: the asker's record, and the incarnation that it means. */
export const ASK_RECORD_KEY = 'ext-record'
const ASK_INC_KEY = 'ext-inc'
/** On a 404: what is held is a delete. */
export const TOMBSTONE_HEADER = 'Ais-Ext-Tombstone'

/** Path and query of a question to a target about a call's key. */
export function askPath(
  call: ObjectCall,
  admitted: Admitted,
  {inc}: Pick<Member, 'inc'>,
  name: string = call.route.name,
): string {
  const {ref, bid} = admitted.bucket
  const index = call.deps.ring().recordIndex
  const mark = {[ASK_KEY]: bid, [ASK_RECORD_KEY]: String(index), [ASK_INC_KEY]: String(inc)}
  const query = formatQuery({...bucketQuery(ref), ...mark})
  return `${objectPath(ref.name, name)}?${query}`
}

/** The same for a client's HEAD, with the properties that it wants. */
export function askHeadPath(call: ObjectCall, admitted: Admitted, to: Pick<Member, 'inc'>): string {
  const props = call.route.query.get(QUERY.props)
  const query = formatQuery({[AS_CLIENT_KEY]: 'true', [QUERY.props]: props})
  return `${askPath(call, admitted, to)}&${query}`
}

/** Answers HEAD and GET with what is held here. */
export function answerQuestion(call: ObjectCall): void {
  const {store} = call.deps
  const {query} = call.route
  const key = {bid: query.get(ASK_KEY) ?? '', name: call.route.name, digest: call.digest}
  if (!/^\d{1,20}$/.test(key.bid)) {
    return fail(call, new AisError({code: 'BAD_REQUEST', message: 'a question names a bucket id'}))
  }
  const mark = {recordIndex: number(query, ASK_RECORD_KEY), inc: number(query, ASK_INC_KEY)}
  store.whenSettled(key, () => {
    const why = whyNotTold(call.deps.view(), mark)
    if (why !== null) return fail(call, new AisError({code: 'STALE_RECORD', message: why}))
    let lookup: Lookup
    try {
      lookup = store.lookup(key, call.req.method === 'GET')
    } catch (error) {
      return fail(call, error)
    }
    if (lookup.type === 'unsure') return fail(call, ownerAway(call, lookup.missing))
    if (lookup.type !== 'object') {
      const tombstone: readonly HeaderPair[] =
        lookup.type === 'none'
          ? []
          : [
              [HEADER.generation, formatGeneration(lookup.attributes.gen)],
              [TOMBSTONE_HEADER, 'true'],
            ]
      writeHead(call.res, 404, [['Content-Length', '0'], ...tombstone])
      call.res.end()
      return
    }
    answerHeld(call, lookup.file)
  })
}

/** A number of a query; one that is no number is asked for by nobody and matches nothing. */
function number(query: Query, key: string): number {
  return Number(query.get(key) ?? Infinity)
}

function answerHeld(call: ObjectCall, file: ObjectFile): void {
  const {attributes} = file.footer
  const gen: HeaderPair = [HEADER.generation, formatGeneration(attributes.gen)]
  const headers: readonly HeaderPair[] = [...encodeObjectHeaders(attributes), gen]
  if (call.req.method === 'GET') return sendFile(call, file, headers)
  call.deps.store.close(file)
  try {
    const all: readonly HeaderPair[] = call.route.query.has(AS_CLIENT_KEY)
      ? [...headHeaders(call, file), gen]
      : [...headers, ['Content-Length', String(attributes.sizeBytes)]]
    writeHead(call.res, 200, all)
    call.res.end()
  } catch (error) {
    fail(call, error)
  }
}
