/**
 * `what=ok_to_stop`: the primary gathers what it knows and what the nodes say of themselves, and
 * `model/ok-to-stop.ts` judges. A gateway that hears no primary answers with its own picture, which
 * says so.
 */

import type {Context} from 'koa'

import {AisError, refusal} from '../../base/errors.ts'
import {isNodeId, type NodeId} from '../../model/ids.ts'
import type {Member} from '../../model/node.ts'
import {judgeStop, type PastMove, type Stored} from '../../model/ok-to-stop.ts'
import {decodeNodeStatus} from '../../wire/node-status.ts'
import {decodeOkToStopQuery, encodeOkToStop} from '../../wire/ok-to-stop.ts'
import type {RebalanceNote} from '../../wire/operation.ts'
import {decodeRecovery} from '../../wire/recovery.ts'
import {rebalanceId} from '../../wire/rmd.ts'
import type {NodeContext} from './context.ts'
import {askEveryNode} from './every-node.ts'
import {passedToPrimary} from './operation.ts'
import {recordOf, sendJson} from './respond.ts'

/** A node that needs longer counts as silent: who asks is not to wait for a process that hangs. */
const ASK_TIMEOUT_MS = 2000

/** @throws AisError BAD_REQUEST, NODE_NOT_FOUND, NOT_READY */
export async function answerOkToStop(context: NodeContext, ctx: Context): Promise<void> {
  const wanted = wantedOf(context, decodeOkToStopQuery(ctx.querystring))
  if (await passedToPrimary(context, ctx)) return
  const isWanted = ({id, role}: Member): boolean => role === 'target' && wanted.has(id)
  const [statuses, counts, {leads, nodes, rebalances}] = await Promise.all([
    askEveryNode(context, 'node_status', {timeoutMs: ASK_TIMEOUT_MS}),
    askEveryNode(context, 'recovery', {timeoutMs: ASK_TIMEOUT_MS, only: isWanted}),
    context.movement(),
  ])
  const {smap, op, move, rmd} = recordOf(context)
  const members = Object.values(smap.nodes)
  const {id, live} = context.view().primary
  const answered = {...statuses.proxies, ...statuses.targets}
  const verdict = judgeStop({
    members,
    wanted,
    primary: live ? id : null,
    live: leads,
    silent: new Set(members.map((one) => one.id).filter((one) => !Object.hasOwn(answered, one))),
    holds: new Map(leads ? nodes.map((node) => [node.id, node.holds]) : []),
    stored: new Map(Object.entries(counts.targets).flatMap(storedOf)),
    availableBytes: new Map(
      Object.entries(statuses.targets).map(([target, status]) => [
        target,
        decodeNodeStatus(status).capacity.availableBytes,
      ]),
    ),
    moves: rebalances.map(moveOf),
    op,
    moving: move === null ? '' : rebalanceId(rmd.version),
  })
  sendJson(ctx, encodeOkToStop(verdict))
}

function wantedOf(context: NodeContext, ids: readonly string[]): ReadonlySet<NodeId> {
  const {nodes} = recordOf(context).smap
  const stranger = ids.find((id) => !isNodeId(id) || nodes[id] === undefined)
  if (stranger === undefined) return new Set(ids.filter(isNodeId))
  const message = `node ${JSON.stringify(stranger)} is not in the cluster`
  throw new AisError(refusal('NODE_NOT_FOUND', message, {hint: 'see: aisctl show cluster'}))
}

type Answer = Parameters<typeof decodeRecovery>[0]

function storedOf([id, answer]: [string, Answer]): readonly (readonly [string, Stored])[] {
  const {objects, bytes} = decodeRecovery(answer)
  return objects === null || bytes === null ? [] : [[id, {objects, bytes}]]
}

function moveOf({id, beganMs, endedMs, nodes}: RebalanceNote): PastMove {
  const objects = nodes.reduce((sum, node) => sum + node.objects, 0)
  const bytes = nodes.reduce((sum, node) => sum + node.bytes, 0)
  return {id, beganMs, endedMs, objects, bytes}
}
