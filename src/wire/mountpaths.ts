/**
 * Orders about a target's mountpaths as AIStore's clients send them: an action message whose value
 * is the path, with two parameters beside it. And how a resilver stands, in the shapes of AIStore's
 * job API. What an order does is decided in `core/objects/mountpath-orders.ts`.
 */

import {AisError, refusal} from '../base/errors.ts'
import {decodeAction} from './action.ts'
import {int, list, looseStruct, text, withDefault} from './decode.ts'
import type {Json, JsonMap} from './json.ts'
import type {Query} from './query.ts'
import {queryFlag} from './query.ts'
import {formatRfc3339Nano} from './time.ts'

/** Names of the actions. */
export const MOUNTPATH_ACTION = {
  attach: 'attach-mp',
  detach: 'detach-mp',
  enable: 'enable-mp',
  disable: 'disable-mp',
  rescan: 'rescan-mp',
  check: 'fshc-mp',
} as const

export type MountpathVerb = keyof typeof MOUNTPATH_ACTION

/** Parameters of the query. */
const QUERY_LABEL = 'mountpath_label'
const QUERY_STAY = 'dntres'

/** The verb of HTTP that AIStore uses for each. Whoever serves them looks at the action alone. */
export const MOUNTPATH_METHOD: Readonly<Record<MountpathVerb, 'PUT' | 'POST' | 'DELETE'>> = {
  attach: 'PUT',
  detach: 'DELETE',
  enable: 'POST',
  disable: 'POST',
  rescan: 'POST',
  check: 'POST',
}

export interface MountpathRequest {
  readonly verb: MountpathVerb
  readonly path: string
  /** '' without. */
  readonly label: string
  /** False: what lies there stays where it is. */
  readonly resilver: boolean
}

/** @throws AisError BAD_REQUEST */
export function decodeMountpathRequest(query: Query, body: string): MountpathRequest {
  const {action, value} = decodeAction(body)
  const names = Object.entries(MOUNTPATH_ACTION) as readonly (readonly [MountpathVerb, string])[]
  const verb = names.find(([, name]) => name === action)?.[0]
  if (verb === undefined) {
    throw new AisError(refusal('BAD_REQUEST', `invalid action ${JSON.stringify(action)}`))
  }
  if (typeof value !== 'string' || value === '') {
    throw new AisError(refusal('BAD_REQUEST', `${action}: the value is no path`))
  }
  const label = query.get(QUERY_LABEL) ?? ''
  return {verb, path: value, label, resilver: !queryFlag(query, QUERY_STAY)}
}

/** The parameters of a request; those that say nothing are left out. */
export function mountpathQuery({
  label,
  resilver,
}: Pick<MountpathRequest, 'label' | 'resilver'>): Readonly<Record<string, string>> {
  return {
    ...(label === '' ? {} : {[QUERY_LABEL]: label}),
    ...(resilver ? {} : {[QUERY_STAY]: 'true'}),
  }
}

/** The mountpaths of one target by their state. */
export interface MountpathLists {
  readonly available: readonly string[]
  /** Being emptied, to be disabled or detached then. */
  readonly waiting: readonly string[]
  readonly disabled: readonly string[]
  /** Why those that are disabled are, by path; empty when the target does not say. */
  readonly why: Readonly<Record<string, string>>
}

const LISTS = looseStruct({
  available: withDefault(list(text), []),
  waiting_dd: withDefault(list(text), []),
  disabled: withDefault(list(text), []),
  ext: withDefault(
    looseStruct({why: withDefault(list(looseStruct({path: text, why: text})), [])}),
    {why: []},
  ),
})

/** The answer to `what=mountpaths`, as a client reads it. @throws AisError BAD_REQUEST */
export function decodeMountpathLists(value: Json): MountpathLists {
  const {available, waiting_dd: waiting, disabled, ext} = LISTS(value, 'mountpaths')
  const why = Object.fromEntries(ext.why.map((one) => [one.path, one.why]))
  return {available, waiting, disabled, why}
}

export const RESILVER_KIND = 'resilver'

/** A resilver of one target that runs, or was the last. */
export interface ResilverSnap {
  readonly id: string
  /** Ms since 1970. */
  readonly beganMs: number
  /** Null while it runs. */
  readonly endedMs: number | null
  /** Copied to where they belong. */
  readonly objects: number
  readonly bytes: number
  /** Why it does not come to an end; '' when nothing is in the way. */
  readonly problem: string
}

const NEVER = '0001-01-01T00:00:00Z'

function timeOf(ms: number | null): string {
  return ms === null ? NEVER : formatRfc3339Nano(BigInt(Math.floor(ms)) * 1_000_000n)
}

/** As `what=qryxstats` gives it, keys in Go's order. */
export function encodeResilverSnap(job: ResilverSnap): JsonMap {
  return {
    'ext': null,
    'start-time': timeOf(job.beganMs),
    'end-time': timeOf(job.endedMs),
    'bck': {},
    'src-bck': {},
    'dst-bck': {},
    'id': job.id,
    'kind': RESILVER_KIND,
    'ctlmsg': '',
    'abort-err': '',
    'err': job.problem,
    'glob.id': '0',
    'stats': {
      'loc-objs': String(job.objects),
      'loc-bytes': String(job.bytes),
      'out-objs': '0',
      'out-bytes': '0',
      'in-objs': '0',
      'in-bytes': '0',
    },
    'aborted': false,
    'is_idle': false,
  }
}

/** As `what=status` gives it. */
export function encodeResilverStatus({id, endedMs, problem}: ResilverSnap): JsonMap {
  return {
    kind: RESILVER_KIND,
    uuid: id,
    err: problem,
    end_time: endedMs === null ? 0 : BigInt(Math.floor(endedMs)) * 1_000_000n,
    aborted: false,
  }
}

/** Ours, between nodes: the answer to `what=resilver`, none or one. */
export function encodeResilver(job: ResilverSnap | null): JsonMap {
  if (job === null) return {jobs: []}
  const {id, beganMs, endedMs, objects, bytes, problem} = job
  return {jobs: [{id, beganMs, endedMs: endedMs ?? -1, objects, bytes, problem}]}
}

const RESILVER = looseStruct({
  jobs: list(
    looseStruct({id: text, beganMs: int, endedMs: int, objects: int, bytes: int, problem: text}),
  ),
})

/** @throws AisError BAD_REQUEST */
export function decodeResilver(value: Json): ResilverSnap | null {
  const [job] = RESILVER(value, 'resilver').jobs
  return job === undefined ? null : {...job, endedMs: job.endedMs < 0 ? null : job.endedMs}
}
