/**
 * Which routers listen where, as one table, and the data worker's listeners: public on every
 * worker, intra-data on the first one of a target. Object bytes are handled in front of Koa.
 */

import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http'
import {Server as TcpServer} from 'node:net'

import type Router from '@koa/router'

import type {Role} from '../../model/node.ts'
import {isObjectPath} from '../../wire/paths.ts'
import {createPeerGuard, type SelfIdentity} from '../peer/guard.ts'
import type {ClusterKey} from '../peer/session.ts'
import {createApp} from './app.ts'
import type {NodeContext} from './context.ts'
import {createDataHandler} from './data-listener.ts'
import {redirectObject} from './gateway-objects.ts'
import {listen} from './bind.ts'
import {bucketsRouter} from './routers/buckets.ts'
import {clusterRouter} from './routers/cluster.ts'
import {daemonRouter} from './routers/daemon.ts'
import {healthRouter} from './routers/health.ts'
import {metricsRouter} from './routers/metrics.ts'
import {mountpathsRouter} from './routers/mountpaths.ts'
import {reverseRouter} from './routers/reverse.ts'
import {serveObject} from './serve-object.ts'

type MakeRouter = (context: NodeContext) => Router

/**
 * Public network. The intra-control listener is `control-listener.ts`, intra-data
 * `data-listener.ts`.
 */
const PUBLIC_ROUTERS: Readonly<Record<Role, readonly MakeRouter[]>> = {
  proxy: [daemonRouter, clusterRouter, bucketsRouter, reverseRouter, healthRouter, metricsRouter],
  target: [daemonRouter, mountpathsRouter, healthRouter, metricsRouter],
}

/** A client that connects and says nothing. */
const HEADERS_TIMEOUT_MS = 10_000
const KEEP_ALIVE_MS = 60_000
/**
 * A connection on which nothing moves at all; a slow transfer is not cut (requestTimeout is off).
 */
const IDLE_MS = 120_000
/** Whoever has just connected when the node stops has this long to ask. */
const LINGER_MS = 100
/** Requests under way when the node stops. */
const DRAIN_MS = 15_000

export interface OpenListeners {
  /** Accepts nothing more, waits for requests under way, then cuts what is left. */
  readonly drain: () => Promise<void>
}

type Handler = (req: IncomingMessage, res: ServerResponse) => void

export async function openListeners(
  context: NodeContext,
  keys: readonly ClusterKey[],
  self: () => SelfIdentity | null,
  worker: number,
): Promise<OpenListeners> {
  const {config} = context
  const app = createApp(
    context,
    PUBLIC_ROUTERS[context.role].map((make) => make(context)),
  )
  const isStopping = (): boolean => context.view().stopping
  const publicServer = serverFor(isStopping, (req, res) => {
    if (!isObjectPath(req.url ?? '')) app(req, res)
    else if (context.objects === null) void redirectObject(context, req, res)
    else serveObject(context, req, res)
  })
  const servers = [publicServer]
  await listen(publicServer, config.listen.public, 'public', config.dataWorkers > 1)
  if (context.objects !== null && worker === 0) {
    const dataServer = serverFor(
      isStopping,
      createDataHandler(context, createPeerGuard(keys, self)),
    )
    servers.push(dataServer)
    await listen(dataServer, config.listen.data, 'data')
  }
  return {drain: () => drainAll(servers)}
}

function serverFor(isStopping: () => boolean, handler: Handler): Server {
  const server = createServer({
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
  })
  server.timeout = IDLE_MS
  const serve: Handler = (req, res) => {
    // In an ordered stop a client learns that the next request needs another connection.
    if (!server.listening || isStopping()) res.setHeader('Connection', 'close')
    handler(req, res)
  }
  server.on('request', serve)
  // The handler decides whether a body is wanted: a gateway's redirect needs none.
  server.on('checkContinue', serve)
  return server
}

async function drainAll(servers: readonly Server[]): Promise<void> {
  const closed = servers.map(
    (server) =>
      new Promise<void>((resolve) => {
        // An HTTP server's own close would at once cut connections whose first request is coming.
        TcpServer.prototype.close.call(server, () => resolve())
      }),
  )
  const linger = setTimeout(() => {
    for (const server of servers) server.closeIdleConnections()
  }, LINGER_MS)
  const cut = setTimeout(() => {
    for (const server of servers) server.closeAllConnections()
  }, DRAIN_MS)
  await Promise.all(closed)
  clearTimeout(linger)
  clearTimeout(cut)
}
