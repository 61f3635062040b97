/**
 * What the primary alone knows of nodes that come and go: `what=operation`, and AIStore's questions
 * about jobs. Another gateway passes the question on; without a primary it answers with what its
 * own record says.
 */

import type {Context} from 'koa'

import {AisError, refusal} from '../../base/errors.ts'
import type {ClusterRecord} from '../../model/record.ts'
import {decodeJobQuery, type JobQuery} from '../../wire/action.ts'
import {
  encodeJobStatus,
  encodeSnap,
  jobName,
  REBALANCE_KIND,
  type RebalanceJob,
} from '../../wire/job.ts'
import {copiesJobName, encodeCopiesSnap, encodeCopiesStatus} from '../../wire/copies-job.ts'
import type {JsonMap} from '../../wire/json.ts'
import {encodeResilverSnap, encodeResilverStatus, RESILVER_KIND} from '../../wire/mountpaths.ts'
import {encodeOperation, type OperationAnswer, type RebalanceNote} from '../../wire/operation.ts'
import {rebalanceId} from '../../wire/rmd.ts'
import type {Movement} from '../runtime/movement.ts'
import type {NodeContext} from './context.ts'
import {copiesJobs} from './copies.ts'
import {isRelayed, relayTo} from './relay.ts'
import {resilverJobs} from './resilvers.ts'
import {bodyOf, recordOf, sendJson} from './respond.ts'

/** `what=operation`. */
export async function answerOperation(context: NodeContext, ctx: Context): Promise<void> {
  if (await passedToPrimary(context, ctx)) return
  sendJson(ctx, encodeOperation(operationOf(context, await context.movement(), Date.now())))
}

/** The operation as this node's record has it, with what its kernel has heard. */
export function operationOf(
  context: NodeContext,
  {leads, nodes, rebalances, reclaim}: Movement,
  nowMs: number,
): OperationAnswer {
  const record = recordOf(context)
  const {uuid, epoch, index, op, move, rmd, own} = record
  return {
    uuid,
    node: context.id,
    live: leads,
    epoch,
    index,
    nowMs,
    op,
    move: move === null ? null : {entry: move.entry},
    rebalance: rmd.version === 0 ? '' : rebalanceId(rmd.version),
    ownFrom: own[0]?.index ?? 0,
    inPlace: isInPlace(record),
    nodes,
    rebalances,
    // Who does not lead has heard nobody.
    reclaim: leads ? reclaim : null,
  }
}

function isInPlace({own}: ClusterRecord): boolean {
  return own.length <= 1 && (own[0]?.merged ?? []).length === 0
}

/** Whether the primary has answered instead. A gateway that does not hear one answers itself. */
export async function passedToPrimary(context: NodeContext, ctx: Context): Promise<boolean> {
  const {smap} = recordOf(context)
  const {id, live} = context.view().primary
  const primary = smap.nodes[id ?? smap.primary]
  if (primary === undefined || primary.id === context.id || !live || isRelayed(ctx)) return false
  try {
    await relayTo(context, ctx, {to: primary.public, body: await bodyOf(ctx), path: ctx.url})
    return true
  } catch (error) {
    if (error instanceof AisError && error.code === 'UNREACHABLE') return false
    throw error
  }
}

/** `what=status`: one job. @throws AisError JOB_NOT_FOUND, NO_PRIMARY when only a primary can say */
export async function answerJobStatus(context: NodeContext, ctx: Context): Promise<void> {
  const query = decodeJobQuery(await bodyOf(ctx))
  const [copies] = (await copiesJobs(context, query)).slice(-1)
  if (copies !== undefined && (query.id !== '' || query.kind !== '')) {
    return sendJson(ctx, encodeCopiesStatus(copies.job))
  }
  const resilver = (await resilverJobs(context, query)).at(-1)
  if (resilver !== undefined && (query.id !== '' || query.kind !== '')) {
    return sendJson(ctx, encodeResilverStatus(resilver.job))
  }
  if (await passedToPrimary(context, ctx)) return
  const found = (await notesOf(context, query)).at(-1)
  if (found === undefined) throw await noJob(context, query.id)
  sendJson(ctx, encodeJobStatus(jobOf(found)))
}

/** `what=status_all`. */
export async function answerAllStatuses(context: NodeContext, ctx: Context): Promise<void> {
  if (await passedToPrimary(context, ctx)) return
  const query = decodeJobQuery(await bodyOf(ctx))
  const found = await notesOf(context, query)
  const copies = await copiesJobs(context, query)
  const resilvers = await resilverJobs(context, query)
  sendJson(ctx, [
    ...found.map((note) => encodeJobStatus(jobOf(note))),
    ...copies.map(({job}) => encodeCopiesStatus(job)),
    ...resilvers.map(({job}) => encodeResilverStatus(job)),
  ])
}

/** `what=running_all`: names of jobs. */
export async function answerRunning(context: NodeContext, ctx: Context): Promise<void> {
  if (await passedToPrimary(context, ctx)) return
  const query = {...decodeJobQuery(await bodyOf(ctx)), onlyRunning: true}
  const found = await notesOf(context, query)
  const copies = await copiesJobs(context, query)
  const resilvers = await resilverJobs(context, query)
  sendJson(ctx, [
    ...found.map((note) => jobName(jobOf(note).rebalance)),
    ...copies.map(({job}) => copiesJobName(job)),
    ...resilvers.map(({job}) => `${RESILVER_KIND}[${job.id}]`),
  ])
}

/** `what=qryxstats`: the part of each target. @throws AisError JOB_NOT_FOUND */
export async function answerJobStats(context: NodeContext, ctx: Context): Promise<void> {
  if (await passedToPrimary(context, ctx)) return
  const query = decodeJobQuery(await bodyOf(ctx))
  const found = await notesOf(context, query)
  const copies = await copiesJobs(context, query)
  const resilvers = await resilverJobs(context, query)
  const none = [found, copies, resilvers].every((jobs) => jobs.length === 0)
  if (none && query.id !== '') throw await noJob(context, query.id)
  const {nodes} = await context.movement()
  const targets = Object.values(recordOf(context).smap.nodes)
    .filter(({role, id}) => role === 'target' && (query.node === '' || query.node === id))
    .map(({id}) => id)
    .toSorted()
  const snaps = (id: string): readonly JsonMap[] =>
    found.flatMap((note) => {
      const share = note.nodes.find((node) => node.id === id)
      const text = note.endedMs === null ? (nodes.find((node) => node.id === id)?.state ?? '') : ''
      return share === undefined ? [] : [encodeSnap(jobOf(note), {...share, text})]
    })
  const copying = (id: string): readonly JsonMap[] =>
    copies.flatMap(({job, shares}) => {
      const share = shares.get(id)
      return share === undefined ? [] : [encodeCopiesSnap(job, share)]
    })
  const resilvering = (id: string): readonly JsonMap[] =>
    resilvers.filter(({target}) => target === id).map(({job}) => encodeResilverSnap(job))
  const all = (id: string): readonly JsonMap[] => [...snaps(id), ...copying(id), ...resilvering(id)]
  sendJson(ctx, Object.fromEntries(targets.map((id) => [id, all(id)])))
}

async function notesOf(
  context: NodeContext,
  {id, kind, onlyRunning}: JobQuery,
): Promise<readonly RebalanceNote[]> {
  if (kind !== '' && kind !== REBALANCE_KIND) return []
  const {rebalances, leads} = await context.movement()
  const found = rebalances.filter(
    (note) => (id === '' || note.id === id) && (onlyRunning !== true || note.endedMs === null),
  )
  // An end is an end, whoever tells of it; that one still runs only the primary knows.
  if (!leads && found.some(({endedMs}) => endedMs === null)) throw onlyPrimaryKnows()
  return found
}

function onlyPrimaryKnows(): AisError {
  return new AisError(
    refusal('NO_PRIMARY', 'there is no primary at present that could say whether it still runs', {
      hint: 'ask again in a moment',
    }),
  )
}

/** A note as a job of AIStore; one that was overtaken has ended as one that was stopped. */
export function jobOf({id, state, beganMs, endedMs}: RebalanceNote): RebalanceJob {
  const aborted = state === 'stopped' || state === 'overtaken'
  return {rebalance: Number(id.slice(1)), beganMs, endedMs, aborted}
}

/** Without a primary this node may not have heard of it yet. */
async function noJob(context: NodeContext, id: string): Promise<AisError> {
  const {leads} = await context.movement()
  if (!leads) return onlyPrimaryKnows()
  return new AisError(refusal('JOB_NOT_FOUND', `job ${JSON.stringify(id)} does not exist`))
}
