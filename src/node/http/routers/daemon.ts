/**
 * `/v1/daemon`: what this node knows, by `what=`. Nodes are changed over the control network, their
 * mountpaths in `mountpaths.ts`; here a target is told to take up what it has kept aside.
 */

import Router from '@koa/router'
import type {Context} from 'koa'

import {AisError, refusal} from '../../../base/errors.ts'
import {decodeAction} from '../../../wire/action.ts'
import {ADOPT_ACTION, decodeAdoptOrder, encodeAdopted} from '../../../wire/adopt.ts'
import {encodeBmd} from '../../../wire/bmd.ts'
import {encodeDiskStats, encodeMountpaths} from '../../../wire/capacity.ts'
import {encodeCopiesShares} from '../../../wire/copies-job.ts'
import {encodeClusterConfig, encodeNodeConfig} from '../../../wire/cluster-config.ts'
import {metricKinds} from '../../../wire/metric-kinds.ts'
import {encodeResilver} from '../../../wire/mountpaths.ts'
import {stateFlags} from '../../../wire/state-flags.ts'
import {encodeNodeStats, encodeNodeStatus} from '../../../wire/node-status.ts'
import {QUERY} from '../../../wire/query.ts'
import {encodeRecovery} from '../../../wire/recovery.ts'
import {encodeRmd} from '../../../wire/rmd.ts'
import {encodeMember, encodeSmap} from '../../../wire/smap.ts'
import {encodeSnode} from '../../../wire/snode.ts'
import {encodeSystemInfo, encodeTargetSystemInfo} from '../../../wire/system-info.ts'
import {selfMember} from '../../config/load.ts'
import {VERSION} from '../../version.ts'
import {adoptAside} from '../adopt.ts'
import {measureMountpaths} from '../capacity.ts'
import type {NodeContext} from '../context.ts'
import {nodeFacts} from '../node-facts.ts'
import {bodyOf, queryOf, recordOf, sendJson, sendText} from '../respond.ts'

type Answerer = (context: NodeContext, ctx: Context) => Promise<void> | void

export function daemonRouter(context: NodeContext): Router {
  const router = new Router()
  router.get('/v1/daemon', async (ctx) => {
    const what = queryOf(ctx).get(QUERY.what) ?? ''
    const answer = Object.hasOwn(ANSWERS, what) ? ANSWERS[what] : undefined
    if (answer === undefined) {
      const message = `invalid '/v1/daemon' request: unrecognized 'what=${what}' query`
      throw new AisError(refusal('BAD_REQUEST', message))
    }
    await answer(context, ctx)
  })
  router.put('/v1/daemon', (ctx) => takeOrder(context, ctx))
  return router
}

/** What a node is ordered to do by itself; all else is the cluster's to order. */
async function takeOrder(context: NodeContext, ctx: Context): Promise<void> {
  const {action, value} = decodeAction(await bodyOf(ctx))
  if (action !== ADOPT_ACTION || context.role !== 'target') {
    const text = `invalid action ${JSON.stringify(action)} of ${context.label}`
    throw new AisError(refusal('BAD_REQUEST', text))
  }
  sendJson(ctx, encodeAdopted(await adoptAside(context, decodeAdoptOrder(value))))
}

const ANSWERS: Readonly<Record<string, Answerer>> = {
  smap: (context, ctx) => sendJson(ctx, smapOf(context)),
  bmd: (context, ctx) => sendJson(ctx, bmdOf(context)),
  config: (context, ctx) => sendJson(ctx, configOf(context)),
  snode: (context, ctx) => sendJson(ctx, snodeOf(context)),
  node_status: async (context, ctx) => sendJson(ctx, encodeNodeStatus(await nodeFacts(context))),
  status: async (context, ctx) => sendJson(ctx, encodeNodeStatus(await nodeFacts(context))),
  node_stats: async (context, ctx) => sendJson(ctx, encodeNodeStats(await nodeFacts(context))),
  metrics: (context, ctx) => sendJson(ctx, metricKinds(context.role)),
  remote: (_context, ctx) => sendJson(ctx, {a: [], ver: 0}),
  software_version: (_context, ctx) => sendText(ctx, VERSION),
  smapvote: (context, ctx) => sendJson(ctx, allMetadata(context)),
  mountpaths: async (context, ctx) =>
    sendJson(ctx, encodeMountpaths(await measureMountpaths(context.mountpaths()))),
  disk: async (context, ctx) =>
    sendJson(ctx, encodeDiskStats({}, await measureMountpaths(context.mountpaths()))),
  copies: (context, ctx) => sendJson(ctx, encodeCopiesShares(context.copies())),
  resilver: (context, ctx) =>
    sendJson(ctx, encodeResilver(context.mountpathControl?.resilver() ?? null)),
  recovery: async (context, ctx) => {
    const {id, role} = context
    const kept = context.objects?.totals() ?? {objects: null, bytes: null}
    sendJson(ctx, encodeRecovery({id, role, ...(await context.standing()), ...kept}))
  },
  sysinfo: async (context, ctx) => {
    const {system, mountpaths} = await nodeFacts(context)
    const proxy = context.role === 'proxy'
    sendJson(ctx, proxy ? encodeSystemInfo(system) : encodeTargetSystemInfo(system, mountpaths))
  },
}

export function smapOf(context: NodeContext): unknown {
  const {uuid, smap} = recordOf(context)
  return encodeSmap(uuid, smap)
}

export function bmdOf(context: NodeContext): unknown {
  const {uuid, bmd, conf} = recordOf(context)
  return encodeBmd(uuid, bmd, conf.set)
}

export function snodeOf(context: NodeContext): unknown {
  const {record} = context.view()
  const member = record?.smap.nodes[context.id]
  return record === null || member === undefined
    ? encodeSnode(selfMember(context.config, context.id), {center: false})
    : encodeMember(record.smap, member)
}

function configOf(context: NodeContext): unknown {
  const {uuid, conf} = recordOf(context)
  const {file, listen} = context.config
  const labels = context.mountpaths().map(({path, label}) => [path, label] as const)
  const mountpaths = Object.fromEntries(labels)
  return encodeNodeConfig(uuid, conf, {
    role: file.role,
    confDir: file.state,
    logDir: '',
    listen,
    mountpaths,
  })
}

function allMetadata(context: NodeContext): unknown {
  const {uuid, rmd, conf} = recordOf(context)
  return {
    smap: smapOf(context),
    bmd: bmdOf(context),
    rmd: encodeRmd(uuid, rmd),
    etlMD: {etls: {}, version: 0},
    config: encodeClusterConfig(uuid, conf),
    si: snodeOf(context),
    prime_time: 0,
    flags: stateFlags(context.view()),
  }
}
