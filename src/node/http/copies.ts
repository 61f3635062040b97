/**
 * Mirroring at a gateway: whether every target has as many mountpaths as copies are asked for, and
 * how far targets are with making them. Each gateway asks the targets itself: the primary knows no
 * more.
 */

import type {Context} from 'koa'

import {AisError, refusal} from '../../base/errors.ts'
import type {Bucket, JsonObject} from '../../model/bucket.ts'
import {nodeLabel} from '../../model/ids.ts'
import {copiesWanted} from '../../model/mirror.ts'
import type {JobQuery} from '../../wire/action.ts'
import {availableMountpaths} from '../../wire/capacity.ts'
import {
  COPIES_KIND,
  copiesJobId,
  decodeCopiesShares,
  type CopiesJob,
  type CopiesShare,
} from '../../wire/copies-job.ts'
import type {NodeContext} from './context.ts'
import {askEveryNode} from './every-node.ts'
import {isRelayed} from './relay.ts'
import {recordOf} from './respond.ts'

/**
 * Compat: aistore mirror/utils.go ValidateNmps — asked of each target that can be asked.
 * @param set what the bucket will have set for itself
 * @throws AisError BAD_CONFIG
 */
export async function checkMountpathCount(
  context: NodeContext,
  ctx: Context,
  set: JsonObject,
): Promise<void> {
  const copies = copiesWanted({set}, recordOf(context).conf.set)
  if (copies <= 1 || isRelayed(ctx)) return
  const {targets} = await askEveryNode(context, 'mountpaths')
  for (const [id, answer] of Object.entries(targets)) {
    const count = availableMountpaths(answer)
    if (count >= copies) continue
    const message = `${nodeLabel('target', id)}: number of copies (${copies}) exceeds the number of mountpaths (${count})`
    throw new AisError(
      refusal('BAD_CONFIG', message, {
        hint: 'ask for fewer copies, or attach mountpaths first: aisctl storage mountpath attach',
      }),
    )
  }
}

/** One bucket's job, and every target's part of it. */
export interface CopiesJobParts {
  readonly job: CopiesJob
  /** By target id. */
  readonly shares: ReadonlyMap<string, CopiesShare>
}

/** Jobs that a question is about, in the order in which they were asked for. */
export async function copiesJobs(
  context: NodeContext,
  {id, kind, onlyRunning}: JobQuery,
): Promise<readonly CopiesJobParts[]> {
  if (kind !== '' && kind !== COPIES_KIND) return []
  const {bmd, smap} = recordOf(context)
  const buckets = Object.values(bmd.buckets).filter(
    (bucket): bucket is Bucket & {copiesAt: number} =>
      bucket.copiesAt !== undefined &&
      bucket.deletedAt === undefined &&
      (id === '' || id === copiesJobId(bucket.copiesAt)),
  )
  if (buckets.length === 0) return []
  const {targets} = await askEveryNode(context, 'copies')
  const answers = Object.entries(targets).map(
    ([target, answer]) => [target, decodeCopiesShares(answer)] as const,
  )
  const expected = Object.values(smap.nodes).filter(({role}) => role === 'target').length
  return buckets
    .sort((a, b) => a.copiesAt - b.copiesAt)
    .map((bucket) => partsOf(bucket, answers, expected))
    .filter(({job}) => onlyRunning !== true || job.endedMs === null)
}

function partsOf(
  {bid, ref, copiesAt}: Bucket & {readonly copiesAt: number},
  answers: readonly (readonly [string, readonly CopiesShare[]])[],
  expected: number,
): CopiesJobParts {
  const shares = new Map<string, CopiesShare>()
  for (const [target, all] of answers) {
    // One that has not heard of this very change has not begun.
    const share = all.find((one) => one.bid === bid && one.copiesAt === copiesAt)
    if (share !== undefined) shares.set(target, share)
  }
  const each = [...shares.values()]
  const ended = shares.size === expected && each.every(({endedMs}) => endedMs !== null)
  const beganMs = Math.min(...each.map((share) => share.beganMs))
  const endedMs = ended ? Math.max(0, ...each.map((share) => share.endedMs ?? 0)) : null
  return {job: {copiesAt, ref, beganMs: each.length === 0 ? 0 : beganMs, endedMs}, shares}
}
