/**
 * `/v1/cluster` at a gateway: what the whole cluster knows, its configuration, and who joins it.
 */

import Router, {type RouterContext} from '@koa/router'
import type {Context} from 'koa'

import {AisError, refusal} from '../../../base/errors.ts'
import type {JsonObject} from '../../../model/bucket.ts'
import {checkTogether, parseSettings} from '../../../model/config/config.ts'
import {isNodeId, isRefusal} from '../../../model/ids.ts'
import {endpointUrl} from '../../../model/node.ts'
import {ACTION, decodeAction} from '../../../wire/action.ts'
import {encodeClusterConfig} from '../../../wire/cluster-config.ts'
import {isJsonMap} from '../../../wire/decode.ts'
import {encodeElections} from '../../../wire/elections.ts'
import {parseJson} from '../../../wire/json.ts'
import {foreignJoinRefusal} from '../../../wire/peer.ts'
import {OK_TO_STOP} from '../../../wire/ok-to-stop.ts'
import {QUERY, queryFlag} from '../../../wire/query.ts'
import {decodeRecover, type RecoverOrder} from '../../../wire/recovery.ts'
import {ARRIVAL_MS, until} from '../buckets.ts'
import {askEveryNode} from '../every-node.ts'
import type {NodeContext} from '../context.ts'
import {joinByAdmin} from '../join-by-admin.ts'
import {tookLifecycleAction} from '../lifecycle.ts'
import {
  answerAllStatuses,
  answerJobStats,
  answerJobStatus,
  answerOperation,
  answerRunning,
} from '../operation.ts'
import {answerOkToStop} from '../ok-to-stop.ts'
import {isRelayed} from '../relay.ts'
import {
  bodyOf,
  commandHere,
  commandOrRelay,
  queryOf,
  recordOf,
  sendDone,
  sendJson,
  sendText,
} from '../respond.ts'
import {tookClusterOrder} from '../whole-cluster.ts'
import {bmdOf, smapOf, snodeOf} from './daemon.ts'

export function clusterRouter(context: NodeContext): Router {
  const router = new Router()
  router.get('/v1/cluster', (ctx) => answerWhat(context, ctx))
  router.put('/v1/cluster', (ctx) => takeAction(context, ctx))
  router.put('/v1/cluster/set-config', (ctx) => setByQuery(context, ctx))
  router.put('/v1/cluster/proxy/:id', (ctx) => setPrimary(context, ctx))
  router.post('/v1/cluster/join-by-admin', (ctx) => joinByAdmin(context, ctx))
  router.post(['/v1/cluster/autoreg', '/v1/cluster/keepalive{/*id}'], (ctx) => refuseForeign(ctx))
  return router
}

type Answerer = (context: NodeContext, ctx: Context) => Promise<void> | void

const ANSWERS: Readonly<Record<string, Answerer>> = {
  smap: (context, ctx) => sendJson(ctx, smapOf(context)),
  bmd: (context, ctx) => sendJson(ctx, bmdOf(context)),
  snode: (context, ctx) => sendJson(ctx, snodeOf(context)),
  config: (context, ctx) => sendJson(ctx, configOf(context)),
  cluster_config: (context, ctx) => sendJson(ctx, configOf(context)),
  backends: (_context, ctx) => sendJson(ctx, []),
  remote: (_context, ctx) => sendJson(ctx, {a: null, ver: 0}),
  elections: (context, ctx) => sendJson(ctx, electionsOf(context)),
  target_ips: (context, ctx) => sendText(ctx, targetAddresses(context)),
  node_stats: async (context, ctx) => {
    const {targets, own} = await askEveryNode(context, 'node_stats')
    sendJson(ctx, {proxy: own, target: targets})
  },
  sysinfo: async (context, ctx) => {
    const {proxies, targets} = await askEveryNode(context, 'sysinfo')
    sendJson(ctx, {proxy: proxies, target: targets})
  },
  mountpaths: async (context, ctx) => {
    const {targets} = await askEveryNode(context, 'mountpaths')
    sendJson(ctx, {targets})
  },
  [OK_TO_STOP]: answerOkToStop,
  operation: answerOperation,
  status: answerJobStatus,
  status_all: answerAllStatuses,
  running_all: answerRunning,
  qryxstats: answerJobStats,
}

async function answerWhat(context: NodeContext, ctx: Context): Promise<void> {
  const what = queryOf(ctx).get(QUERY.what) ?? ''
  const answer = Object.hasOwn(ANSWERS, what) ? ANSWERS[what] : undefined
  if (answer === undefined) {
    throw new AisError(refusal('BAD_REQUEST', `unexpected query [what=${what}]`))
  }
  await answer(context, ctx)
}

async function takeAction(context: NodeContext, ctx: Context): Promise<void> {
  const {action, name, value} = decodeAction(await bodyOf(ctx))
  if (action === ACTION.setConfig) {
    if (!isJsonMap(value)) throw new AisError(refusal('BAD_REQUEST', 'set-config: no settings'))
    return setConfig(context, ctx, value as JsonObject)
  }
  if (action === ACTION.resetConfig) {
    return commandOrRelay(context, ctx, {type: 'set-config', set: {}, reset: true})
  }
  if (action === ACTION.recover) return recover(context, ctx, {uuid: name, ...decodeRecover(value)})
  if (await tookLifecycleAction(context, ctx, {action, value})) return
  if (await tookClusterOrder(context, ctx, {action, name, value})) return
  const known = (Object.values(ACTION) as readonly string[]).includes(action)
  const text = `invalid action ${JSON.stringify(action)}`
  throw known
    ? new AisError(refusal('UNSUPPORTED', `${text}: not in this release`))
    : new AisError(refusal('BAD_REQUEST', text))
}

/** The office goes to a gateway that is named (R16); done when that one leads. */
async function setPrimary(context: NodeContext, ctx: RouterContext): Promise<void> {
  const id = ctx.params['id'] ?? ''
  if (queryFlag(queryOf(ctx), QUERY.force)) {
    throw new AisError(
      refusal('UNSUPPORTED', 'set-primary cannot be forced: a primary needs a majority', {
        hint: 'when a majority of the nodes is lost for good: aisctl cluster recover',
      }),
    )
  }
  if (!isNodeId(id)) throw new AisError(refusal('NODE_NOT_FOUND', `${JSON.stringify(id)} is no id`))
  await commandOrRelay(context, ctx, {type: 'set-primary', id})
  // Who looks at the map here afterwards is to see it.
  const arrived = (): true | undefined => (recordOf(context).smap.primary === id ? true : undefined)
  if (ctx.status === 200 && !isRelayed(ctx)) await until(arrived, ARRIVAL_MS)
}

interface RecoverRequest extends RecoverOrder {
  readonly uuid: string
}

/** Taking office without a majority (R17) is ordered of the very gateway that is to lead. */
async function recover(context: NodeContext, ctx: Context, order: RecoverRequest): Promise<void> {
  const {uuid} = recordOf(context)
  if (order.uuid !== uuid) {
    const message = `${context.label} belongs to cluster ${uuid}, not ${JSON.stringify(order.uuid)}`
    throw new AisError(refusal('WRONG_CLUSTER', message))
  }
  const survivors = order.survivors.filter(isNodeId)
  const stranger = order.survivors.find((id) => !isNodeId(id))
  if (stranger !== undefined) {
    throw new AisError(refusal('NODE_NOT_FOUND', `${JSON.stringify(stranger)} is no id`))
  }
  const {position} = await commandHere(context, {type: 'recover', survivors})
  sendJson(ctx, {epoch: position.epoch, index: position.index})
}

async function setByQuery(context: NodeContext, ctx: Context): Promise<void> {
  const settings = new Map(queryOf(ctx))
  settings.delete(QUERY.transient)
  await setConfig(context, ctx, Object.fromEntries(settings))
}

async function setConfig(context: NodeContext, ctx: Context, raw: JsonObject): Promise<void> {
  if (queryOf(ctx).get(QUERY.transient) === 'true') {
    throw new AisError(refusal('UNSUPPORTED', 'transient settings are not in this release'))
  }
  const set = parseSettings(raw, 'cluster')
  if (isRefusal(set)) throw new AisError(set)
  const problem = checkTogether({...recordOf(context).conf.set, ...set})
  if (problem !== undefined) throw new AisError(problem)
  if (Object.keys(set).length === 0) return sendDone(ctx)
  await commandOrRelay(context, ctx, {type: 'set-config', set, reset: false})
}

async function refuseForeign(ctx: Context): Promise<void> {
  const message = foreignJoinRefusal(parseJson(await bodyOf(ctx)))
  if (message !== undefined) throw new AisError(message)
  throw new AisError(refusal('FORBIDDEN', 'nodes join over the intra-cluster control network'))
}

function configOf(context: NodeContext): unknown {
  const {uuid, conf} = recordOf(context)
  return encodeClusterConfig(uuid, conf)
}

/** As this gateway knows it, whether there is a primary or not. */
function electionsOf(context: NodeContext): unknown {
  const {uuid, epoch, index, smap, elections} = recordOf(context)
  const {live, silentSinceMs, waiting} = context.view().primary
  return encodeElections({
    uuid,
    node: context.id,
    epoch,
    index,
    primary: smap.primary,
    live,
    sinceMs: silentSinceMs === 0 ? null : silentSinceMs,
    waiting,
    elections,
  })
}

function targetIds(context: NodeContext): readonly string[] {
  return Object.values(recordOf(context).smap.nodes)
    .filter(({role}) => role === 'target')
    .map(({id}) => id)
    .toSorted()
}

// Compat: the reference lists each target's three addresses, one after the other.
function targetAddresses(context: NodeContext): string {
  const {smap} = recordOf(context)
  return targetIds(context)
    .flatMap((id) => {
      const member = smap.nodes[id]
      return member === undefined ? [] : [member.public, member.control, member.data]
    })
    .map((endpoint) => new URL(endpointUrl(endpoint)).hostname)
    .join(',')
}
