/**
 * A cluster as its gateways show it: maps, configuration, the state of nodes, and what changes
 * them. Speaks the documented API only, so that it works against an AIStore cluster, too. Answers
 * keep what they held (`--json` prints them whole); the parts that tables need are decoded by
 * `wire/`.
 */

import {parseEndpoint} from '../model/node.ts'
import {ACTION, encodeAction} from '../wire/action.ts'
import {HEADER} from '../wire/headers.ts'
import type {Json, JsonMap} from '../wire/json.ts'
import {parseJson} from '../wire/json.ts'
import {isJsonMap} from '../wire/decode.ts'
import {QUERY} from '../wire/query.ts'
import {decodeSmap} from '../wire/smap.ts'
import type {BucketClient} from './buckets.ts'
import {createBucketClient} from './buckets.ts'
import {createGateways} from './gateways.ts'
import type {LeadershipClient} from './leadership.ts'
import {createLeadershipClient} from './leadership.ts'
import type {MembershipClient} from './membership.ts'
import {createMembershipClient} from './membership.ts'
import {STATUS_PARALLEL, STATUS_TIMEOUT_MS} from './limits.ts'
import type {MountpathClient} from './mountpaths.ts'
import {createMountpathClient} from './mountpaths.ts'
import type {ObjectClient} from './objects.ts'
import {createObjectClient} from './objects.ts'
import type {ClientRequest} from './request.ts'
import type {Transport, TransportOptions} from './transport.ts'
import {createTransport} from './transport.ts'
import {notUnderstood} from './reasons.ts'

export interface ClusterClient {
  /** The gateway that answers, first in the order of tries. */
  endpoint(): string
  smap(): Promise<JsonMap>
  bmd(): Promise<JsonMap>
  /** The map that one node holds. */
  smapOf(nodeId: string): Promise<JsonMap>
  nodeStatus(nodeId: string): Promise<JsonMap>
  /** Configuration of a node: the cluster's, with its own beside it. */
  nodeConfig(nodeId: string): Promise<JsonMap>
  clusterConfig(): Promise<JsonMap>
  backends(): Promise<readonly Json[]>
  /** Dotted keys to text; committed when it resolves. */
  setConfig(settings: Readonly<Record<string, string>>): Promise<void>
  resetConfig(): Promise<void>
  /** An administrator's join of the node that listens at the URL of its control network. */
  joinByAdmin(url: string, options: JoinOptions): Promise<JoinResult>
  readonly buckets: BucketClient
  readonly objects: ObjectClient
  readonly leadership: LeadershipClient
  readonly membership: MembershipClient
  readonly mountpaths: MountpathClient
  readonly transport: Transport
}

export interface JoinOptions {
  /** Refused when it is another; absent: whatever it is. */
  readonly role?: 'proxy' | 'target'
  readonly nonElectable?: boolean
}

export interface JoinResult {
  readonly nodeId: string
  readonly role: 'proxy' | 'target'
  /** '' when none was started. */
  readonly rebalanceId: string
}

const DAEMON = '/v1/daemon'
const REVERSE = '/v1/reverse/daemon'
const CLUSTER = '/v1/cluster'

export function openCluster(options: TransportOptions): ClusterClient {
  const gateways = createGateways(options.endpoints)
  const transport = createTransport({...options, gateways})
  const daemon = (what: string): Promise<JsonMap> => readMap(transport, DAEMON, what)
  const cluster = (what: string): Promise<JsonMap> => readMap(transport, CLUSTER, what)
  const reverse = (what: string, nodeId: string): Promise<JsonMap> =>
    readMap(transport, REVERSE, what, {headers: {[HEADER.nodeId]: nodeId}})
  return {
    endpoint: () => transport.endpoints()[0] ?? '',
    smap: async () => {
      const smap = await daemon('smap')
      gateways.learn(gatewaysIn(smap))
      return smap
    },
    bmd: () => daemon('bmd'),
    smapOf: (nodeId) => reverse('smap', nodeId),
    nodeStatus: (nodeId) =>
      readMap(transport, REVERSE, 'node_status', {
        headers: {[HEADER.nodeId]: nodeId},
        timeoutMs: STATUS_TIMEOUT_MS,
        attempts: 1,
      }),
    nodeConfig: (nodeId) => reverse('config', nodeId),
    clusterConfig: () => cluster('cluster_config'),
    backends: () => readBackends(transport),
    setConfig: async (settings) => {
      await transport.send({method: 'PUT', path: `${CLUSTER}/set-config`, query: settings})
    },
    resetConfig: async () => {
      await transport.send({
        method: 'PUT',
        path: CLUSTER,
        body: encodeAction({action: ACTION.resetConfig}),
      })
    },
    joinByAdmin: (url, join) => joinByAdmin(transport, url, join),
    buckets: createBucketClient(transport),
    objects: createObjectClient({...options, gateways}),
    leadership: createLeadershipClient(transport),
    membership: createMembershipClient(transport),
    mountpaths: createMountpathClient(transport),
    transport,
  }
}

/** Public URLs of the gateways that a map names. */
function gatewaysIn({pmap}: JsonMap): readonly string[] {
  return Object.values(isJsonMap(pmap) ? pmap : {}).flatMap((gateway) => {
    const net = isJsonMap(gateway) ? gateway['public_net'] : undefined
    const url = isJsonMap(net) ? net['direct_url'] : undefined
    return typeof url === 'string' ? [url] : []
  })
}

async function readMap(
  transport: Transport,
  path: string,
  what: string,
  more: Pick<ClientRequest, 'headers' | 'timeoutMs' | 'attempts'> = {},
): Promise<JsonMap> {
  const query = {[QUERY.what]: what}
  const found = await transport.sendForJson({...more, method: 'GET', path, query})
  if (isJsonMap(found)) return found
  throw notUnderstood(path, `what=${what}`)
}

async function readBackends(transport: Transport): Promise<readonly Json[]> {
  const query = {[QUERY.what]: 'backends'}
  const found = await transport.sendForJson({method: 'GET', path: CLUSTER, query})
  return Array.isArray(found) ? (found as readonly Json[]) : []
}

async function joinByAdmin(
  transport: Transport,
  url: string,
  {role, nonElectable}: JoinOptions,
): Promise<JoinResult> {
  const endpoint = parseEndpoint(url)
  if (endpoint === undefined) throw notUnderstood(url, 'the URL of a node, http://HOST:PORT')
  const {text} = await transport.send({
    method: 'POST',
    path: `${CLUSTER}/join-by-admin`,
    headers: nonElectable === true ? {[HEADER.nodeFlags]: '1'} : {},
    json: {
      daemon_type: role ?? '',
      daemon_id: '',
      intra_control_net: {
        node_ip_addr: endpoint.host,
        daemon_port: String(endpoint.port),
        direct_url: `http://${url.replace(/^https?:\/\//, '').replace(/\/$/, '')}`,
      },
    },
  })
  const answer = parseJson(text)
  if (!isJsonMap(answer) || typeof answer['daemon_id'] !== 'string') {
    throw notUnderstood(CLUSTER, 'the id of the node that joined')
  }
  const rebalanceId = answer['rebalance_id']
  const nodeId = answer['daemon_id']
  const {smap} = decodeSmap(await readMap(transport, DAEMON, 'smap'))
  return {
    nodeId,
    role: role ?? smap.nodes[nodeId]?.role ?? 'target',
    rebalanceId: typeof rebalanceId === 'string' ? rebalanceId : '',
  }
}

/** Applies a function to many things, a few at a time; the order is kept. */
export async function mapParallel<T, R>(
  items: readonly T[],
  apply: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = []
  let next = 0
  const work = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) {
      results[at] = await apply(items[at] as T)
    }
  }
  await Promise.all(Array.from({length: Math.min(STATUS_PARALLEL, items.length)}, work))
  return results
}
