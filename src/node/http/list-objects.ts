/**
 * A page of a bucket at a gateway: the pages of all targets that `own` names, merged by name; the
 * highest generation of a name wins, tombstones hide. Stateless: the token is the last name. A
 * target that cannot be asked makes it 503, or an incomplete page when the client asked for one.
 */

import {randomUUID} from 'node:crypto'

import type {Context} from 'koa'

import {AisError, refusal} from '../../base/errors.ts'
import type {Bucket} from '../../model/bucket.ts'
import {ownSpan} from '../../core/objects/ring.ts'
import {participantsOf} from '../../model/forgotten.ts'
import {compareGenerations} from '../../model/generation.ts'
import {OBJECT_NAME_BYTES_MAX} from '../../model/limits.ts'
import type {Member} from '../../model/node.ts'
import type {ClusterRecord} from '../../model/record.ts'
import {
  encodeListJson,
  ENTRY_FLAG,
  LIST_FLAG,
  listEntry,
  listPageForMsgpack,
  PAGE_FLAG,
  type ListEntry,
  type ListPage,
  type ListRequest,
} from '../../wire/list.ts'
import {decodeLocalPage, type LocalEntry, type LocalPage} from '../../wire/local-page.ts'
import {HEADER} from '../../wire/headers.ts'
import {encodeLocalQuery, LOCAL_LIST_PATH} from '../../wire/local-query.ts'
import {QUERY, queryFlag, type Query} from '../../wire/query.ts'
import {reasonOf} from '../observe/log.ts'
import {until} from './buckets.ts'
import type {NodeContext} from './context.ts'
import {recordOf} from './respond.ts'

/** A target walks an index on disk; a page takes milliseconds. */
const TARGET_TIMEOUT_MS = 20_000
/** Times that the owners may change under one page. */
const OWNERS_TRIES_MAX = 4
/** Until this gateway hears of what a target knows already: a beat or two. */
const OWNERS_WAIT_MS = 2000
/** Rounds of asking when most names of a page turn out hidden or folded. */
const ROUNDS_MAX = 1000

/** The target has another record than this gateway: its page says nothing. */
class OtherOwners extends Error {
  override readonly name = 'OtherOwners'
}

interface Part {
  readonly page: LocalPage
  readonly target: string
}

export async function listObjects(
  context: NodeContext,
  bucket: Bucket,
  request: ListRequest,
  query: Query,
): Promise<ListPage> {
  const partial = queryFlag(query, QUERY.partial)
  const entries: ListEntry[] = []
  let after = request.after
  let more = true
  let incomplete = false
  for (let round = 0; more && entries.length < request.pageSize && round < ROUNDS_MAX; round++) {
    const wanted = {
      ...request,
      after: pastDirectory(after, request),
      pageSize: request.pageSize - entries.length,
    }
    const asked = await askTargets(context, {bucket, request: wanted, partial})
    incomplete ||= asked.incomplete
    const merged = mergePages(asked.parts, wanted.pageSize)
    for (const {attributes, place} of merged.entries) {
      addEntry(entries, listEntry(attributes, place, request), request)
    }
    more = merged.more
    if (merged.last === undefined) break
    const directory = directoryOf(merged.last, request)
    after = directory !== null && entries.at(-1)?.name === directory ? directory : merged.last
  }
  return {
    uuid: request.uuid === '' ? randomUUID().replaceAll('-', '').slice(0, 12) : request.uuid,
    token: more ? after : '',
    entries,
    flags: incomplete ? PAGE_FLAG.incomplete : 0,
  }
}

/** JSON, or MessagePack where the client offers it. */
export async function sendPage(ctx: Context, page: ListPage): Promise<void> {
  if (ctx.get('accept').includes('application/msgpack')) {
    const {encode} = await import('@msgpack/msgpack')
    ctx.set('Content-Type', 'application/msgpack')
    ctx.body = Buffer.from(encode(listPageForMsgpack(page)))
    return
  }
  ctx.set('Content-Type', 'application/json; charset=utf-8')
  ctx.body = encodeListJson(page)
}

interface Question {
  readonly bucket: Bucket
  readonly request: ListRequest
  readonly partial: boolean
}

/** Asks again when the owners have changed on the way: what was listed may be elsewhere now. */
async function askTargets(
  context: NodeContext,
  question: Question,
): Promise<{parts: readonly Part[]; incomplete: boolean}> {
  for (let tries = 1; ; tries++) {
    const record = recordOf(context)
    const answers = await askOwners(context, record, question)
    const isPast = answers.some(({answer}) => answer instanceof OtherOwners)
    if (!isPast || tries >= OWNERS_TRIES_MAX) return partsOf(answers, question.partial)
    const {from, to} = ownSpan(record)
    const isNewer = (): true | undefined => {
      const now = ownSpan(recordOf(context))
      return now.from !== from || now.to !== to ? true : undefined
    }
    await until(isNewer, OWNERS_WAIT_MS)
  }
}

interface Answered {
  readonly id: string
  readonly answer: LocalPage | Error
}

async function askOwners(
  context: NodeContext,
  record: ClusterRecord,
  question: Question,
): Promise<readonly Answered[]> {
  // What a target that was removed by force had is not of the cluster any more (R33).
  const ids = participantsOf(record)
  const {prefix, after, pageSize: limit} = question.request
  const body = encodeLocalQuery({
    ref: question.bucket.ref,
    recordIndex: record.index,
    own: ownSpan(record),
    prefix,
    after,
    limit,
    partial: question.partial,
  })
  return await Promise.all(
    ids.map(async (id) => ({id, answer: await askOne(context, record.smap.nodes[id], body)})),
  )
}

function partsOf(
  answers: readonly Answered[],
  isPartial: boolean,
): {parts: readonly Part[]; incomplete: boolean} {
  const silent = answers.filter(({answer}) => answer instanceof Error)
  const [first] = silent
  if (first !== undefined && !isPartial) {
    throw new AisError(
      refusal('LIST_INCOMPLETE', `t[${first.id}] cannot be asked: ${reasonOf(first.answer)}`, {
        hint: `ask again later, or add ${QUERY.partial}=true for a page that is marked incomplete`,
      }),
    )
  }
  const parts = answers.flatMap(({id, answer}) =>
    answer instanceof Error ? [] : [{page: answer, target: id}],
  )
  const missing = parts.some(({page}) => page.missing.length > 0)
  return {parts, incomplete: first !== undefined || missing}
}

async function askOne(
  context: NodeContext,
  member: Member | undefined,
  body: string,
): Promise<LocalPage | Error> {
  if (member === undefined) return new Error('it is not in the map')
  try {
    const reply = await context.askTarget({
      to: member,
      method: 'POST',
      path: LOCAL_LIST_PATH,
      body,
      timeoutMs: TARGET_TIMEOUT_MS,
    })
    const chunks: Buffer[] = []
    for await (const chunk of reply.body as AsyncIterable<Buffer>) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString('utf8')
    if (reply.headers[HEADER.errorCode.toLowerCase()] === 'STALE_RECORD') {
      return new OtherOwners(text.slice(0, 200))
    }
    if (reply.status !== 200) return new Error(`status ${reply.status}: ${text.slice(0, 200)}`)
    return decodeLocalPage(text)
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

interface Merged {
  readonly entries: readonly LocalEntry[]
  /** The last name that was considered; undefined when there was none. */
  readonly last: string | undefined
  readonly more: boolean
}

/** Merges pages that are sorted by UTF-8 bytes, up to where every unfinished page reaches. */
export function mergePages(parts: readonly Part[], pageSize: number): Merged {
  const best = new Map<string, LocalEntry>()
  for (const {page} of parts) {
    for (const entry of page.entries) {
      const {name, gen} = entry.attributes
      const known = best.get(name)
      if (known === undefined || compareGenerations(gen, known.attributes.gen) > 0) {
        best.set(name, entry)
      }
    }
  }
  const keys = new Map([...best.keys()].map((name) => [name, Buffer.from(name, 'utf8')]))
  const byBytes = (a: string, b: string): number =>
    Buffer.compare(keys.get(a) ?? EMPTY, keys.get(b) ?? EMPTY)
  // Beyond the end of a page that has more, a name may be missing from it.
  const ends = parts
    .filter(({page}) => page.more)
    .flatMap(({page}): readonly string[] =>
      page.entries.slice(-1).map((each) => each.attributes.name),
    )
    .toSorted(byBytes)
  const [horizon] = ends
  const names = [...best.keys()]
    .filter((name) => horizon === undefined || byBytes(name, horizon) <= 0)
    .toSorted(byBytes)
  const entries: LocalEntry[] = []
  let last: string | undefined
  for (const name of names) {
    if (entries.length === pageSize) return {entries, last, more: true}
    last = name
    const entry = best.get(name)
    if (entry !== undefined && !entry.attributes.tombstone) entries.push(entry)
  }
  return {entries, last, more: horizon !== undefined}
}

const EMPTY = Buffer.alloc(0)

/** Adds an entry; without recursion, names below a further `/` become one directory. */
function addEntry(entries: ListEntry[], entry: ListEntry, request: ListRequest): void {
  const directory = directoryOf(entry.name, request)
  if (directory === null) entries.push(entry)
  else if (entries.at(-1)?.name !== directory) {
    entries.push({name: directory, flags: ENTRY_FLAG.directory})
  }
}

/** The directory that stands for a name in a list without recursion; null for the name itself. */
function directoryOf(name: string, request: ListRequest): string | null {
  if ((request.flags & LIST_FLAG.noRecursion) === 0) return null
  const slash = name.indexOf('/', request.prefix.length)
  return slash < 0 ? null : name.slice(0, slash + 1)
}

/** A list that went on after a directory skips all of its names: none is greater than this one. */
function pastDirectory(after: string, request: ListRequest): string {
  return after !== '' && directoryOf(after, request) === after ? `${after}${GREATEST}` : after
}

const GREATEST = '\u{10ffff}'.repeat(OBJECT_NAME_BYTES_MAX / 4)
