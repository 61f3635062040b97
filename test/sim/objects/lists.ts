/**
 * Lists, all the while: each is asked at some gateway, of every target that may hold a name, and
 * merged as a gateway does. A list that is not refused shows what certainly was there from its
 * beginning to its end, exactly once, and nothing that certainly was not (D9). What changed
 * meanwhile, or may have changed, is right either way.
 */

import {ownSpan} from '../../../src/core/objects/ring.ts'
import {participantsOf} from '../../../src/model/forgotten.ts'
import {LIST_PAGE_MAX} from '../../../src/model/limits.ts'
import type {Member} from '../../../src/model/node.ts'
import type {ClusterRecord} from '../../../src/model/record.ts'
import {AisError} from '../../../src/base/errors.ts'
import {mergePages} from '../../../src/node/http/list-objects.ts'
import {decodeLocalPage, type LocalPage} from '../../../src/wire/local-page.ts'
import {LOCAL_LIST_PATH, encodeLocalQuery} from '../../../src/wire/local-query.ts'
import type {Clock} from '../world/clock.ts'
import type {Random} from '../world/random.ts'
import type {SimProcess} from '../world/process.ts'
import {simBucket} from '../world/workload.ts'
import {describeOperation, type History, type Operation} from './history.ts'
import type {Links} from './links.ts'

export interface Lists {
  readonly start: () => void
  readonly stop: () => void
  /** One list more, when nothing goes on any more; says whether it was answered. */
  readonly atEnd: (done: (heard: boolean) => void) => void
  /** Every list that was answered, against what clients did and heard. */
  readonly judge: () => void
}

export interface ListDeps {
  readonly clock: Clock
  readonly random: Random
  readonly links: Links
  readonly gateways: readonly SimProcess[]
  readonly everyMs: number
  readonly histories: readonly History[]
  /** Places among all beginnings and ends of the world. */
  readonly next: () => number
  /** The value of a checksum; undefined: nobody wrote it. */
  readonly valueOf: (key: string, checksum: string) => number | undefined
  readonly violate: (invariant: string, detail: string) => void
  readonly saw: (name: string) => void
}

/** A list that was answered. */
interface Listed {
  readonly began: number
  readonly ended: number
  readonly by: string
  readonly entries: readonly {readonly name: string; readonly checksum: string}[]
}

const BUCKET = simBucket('objects')
const TIMEOUT_MS = 5000

export function createLists(deps: ListDeps): Lists {
  const {clock, random, saw, violate} = deps
  const listed: Listed[] = []
  let stopped = false

  function repeat(): void {
    clock.after(random.exp(deps.everyMs), () => {
      if (stopped) return
      list(() => undefined)
      repeat()
    })
  }

  function list(done: (heard: boolean) => void): void {
    const gateway = random.pick(deps.gateways)
    const record = gateway.isPaused() ? null : (gateway.view()?.record ?? null)
    if (record === null) return done(false)
    const began = deps.next()
    const by = gateway.facts.self.id
    void askAll(deps.links, gateway, record).then((pages) => {
      saw(pages === null ? 'list refused' : 'list answered')
      if (pages === null) return done(false)
      const parts = pages.map((page) => ({page, target: ''}))
      const entries = mergePages(parts, LIST_PAGE_MAX).entries.map(({attributes}) => ({
        name: attributes.name as string,
        checksum: attributes.checksum.value,
      }))
      listed.push({began, ended: deps.next(), by, entries})
      done(true)
    })
  }

  function judgeOne(one: Listed, {key, operations}: History): void {
    const found = one.entries.filter(({name}) => name === key)
    const where = `a list of ${one.by} [${one.began}-${one.ended}]`
    const why = (what: string): void => {
      const told = operations.filter(({began}) => began < one.ended).map(describeOperation)
      violate('D9', `${where} ${what}\n  ${told.slice(-SHOWN).join('\n  ')}`)
    }
    if (found.length > 1) return why(`shows ${key} ${found.length} times`)
    const [entry] = found
    if (entry === undefined) {
      if (isThere(operations, one)) why(`leaves ${key} out`)
      return
    }
    const value = deps.valueOf(key, entry.checksum)
    const put = operations.find((other) => other.kind === 'put' && other.value === value)
    if (put === undefined || !mayHold(operations, put, one)) {
      why(`shows ${key} with ${value ?? 'what nobody wrote'}`)
    }
  }

  return {
    start: () => {
      if (deps.everyMs !== Infinity) repeat()
    },
    stop: () => {
      stopped = true
    },
    atEnd: list,
    judge: () => {
      for (const one of listed) for (const history of deps.histories) judgeOne(one, history)
    },
  }
}

const SHOWN = 10

type Span = Pick<Listed, 'began' | 'ended'>

/** Whether an operation may change what one that has ended before it did. */
function mayFollow(operation: Operation, before: Operation): boolean {
  return operation.outcome !== 'refused' && operation.ended > before.began
}

/** A put that was acknowledged before, and no delete that may have come after it. */
function isThere(operations: readonly Operation[], {began, ended}: Span): boolean {
  const puts = operations.filter(
    (one) => one.kind === 'put' && one.outcome === 'done' && one.ended < began,
  )
  return puts.some(
    (put) =>
      !operations.some(
        (other) => other.kind === 'delete' && other.began < ended && mayFollow(other, put),
      ),
  )
}

/** Whether a value may be what the key held at some time of a list. */
function mayHold(operations: readonly Operation[], put: Operation, {began, ended}: Span): boolean {
  if (put.outcome === 'refused' || put.began >= ended) return false
  // Something else took its place for certain, before the list began.
  return !operations.some(
    (other) =>
      (other.kind === 'put' || other.kind === 'delete') &&
      other.outcome === 'done' &&
      other.ended < began &&
      other.began > put.ended,
  )
}

/** Pages of all that may hold a name; null when one of them cannot be asked. */
async function askAll(
  links: Links,
  gateway: SimProcess,
  record: ClusterRecord,
): Promise<readonly LocalPage[] | null> {
  const body = encodeLocalQuery({
    ref: BUCKET,
    recordIndex: record.index,
    own: ownSpan(record),
    prefix: '',
    after: '',
    limit: LIST_PAGE_MAX,
    partial: false,
  })
  const ids = participantsOf(record)
  const pages = await Promise.all(
    ids.map((id) => askOne(links, gateway, record.smap.nodes[id], body)),
  )
  const whole = pages.flatMap((page) => page ?? [])
  return whole.length < ids.length ? null : whole
}

async function askOne(
  links: Links,
  gateway: SimProcess,
  to: Member | undefined,
  body: string,
): Promise<LocalPage | null> {
  if (to === undefined) return null
  const question = {to, method: 'POST', path: LOCAL_LIST_PATH, body, timeoutMs: TIMEOUT_MS}
  try {
    const answer = await links.askFrom(gateway, false)(question)
    const chunks: Buffer[] = []
    for await (const chunk of answer.body as AsyncIterable<Buffer>) chunks.push(chunk)
    return answer.status === 200 ? decodeLocalPage(Buffer.concat(chunks).toString('utf8')) : null
  } catch (error) {
    // Only silence is expected here; what does not decode is a defect.
    if (error instanceof AisError) throw error
    return null
  }
}
