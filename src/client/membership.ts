/**
 * Nodes that are taken out and back in, and the rebalance: the orders, and what the primary knows
 * of their progress. What is waited for is the concern of departure.ts and rebalance.ts.
 */

import {AisError} from '../base/errors.ts'
import {ACTION, encodeAction, encodeJobAction, encodeNodeAction} from '../wire/action.ts'
import type {Adopted, AdoptOrder} from '../wire/adopt.ts'
import {ADOPT_ACTION, decodeAdopted, encodeAdoptOrder} from '../wire/adopt.ts'
import type {LeaseCommand} from '../model/command.ts'
import {encodeLease} from '../wire/operator-lease.ts'
import {HEADER} from '../wire/headers.ts'
import {REBALANCE_KIND} from '../wire/job.ts'
import {parseJson} from '../wire/json.ts'
import {QUERY} from '../wire/query.ts'
import type {OperationAnswer} from '../wire/operation.ts'
import {decodeOperation} from '../wire/operation.ts'
import {STATUS_TIMEOUT_MS} from './limits.ts'
import type {Transport} from './transport.ts'

export type MembershipAction =
  'start-maintenance' | 'stop-maintenance' | 'shutdown-node' | 'decommission-node'

export interface MembershipOrder {
  readonly action: MembershipAction
  readonly nodeIds: readonly string[]
  readonly skipRebalance: boolean
  /** Decommission: the objects on the node's disks are wiped. */
  readonly removeUserData?: boolean
  readonly keepInitialConfig?: boolean
  /** The run that it is of, when the lease is held. */
  readonly run?: string
}

export interface MembershipClient {
  /** Resolves when it is committed, with the id of the rebalance that follows; '': none does. */
  order(order: MembershipOrder): Promise<string>
  /** Takes a node from the map at once, and what only it holds with it. */
  remove(nodeId: string, run?: string): Promise<void>
  /** A part of what a target has kept aside is taken up. */
  adopt(nodeId: string, order: AdoptOrder): Promise<Adopted>
  /** Takes or renews the operator's lease, or lets it go. @throws AisError BUSY: another has it */
  lease(command: LeaseCommand): Promise<void>
  /** Resolves with the id of the rebalance that goes on. */
  startRebalance(): Promise<string>
  /** @param stop this one alone, when it is named; with force though nodes are being taken out */
  stopRebalance(stop?: {readonly id?: string; readonly force?: boolean}): Promise<void>
  /** What goes on now, as the primary knows it. */
  operation(): Promise<OperationAnswer>
}

const CLUSTER = '/v1/cluster'
/** A cluster that is off, or has no primary, has no lease: nobody waits for it. */
const LEASE_CALL = {attempts: 1, timeoutMs: 3000}

export function createMembershipClient(transport: Transport): MembershipClient {
  const put = async (body: string): Promise<string> => {
    const {text} = await transport.send({method: 'PUT', path: CLUSTER, body})
    return text.trim()
  }
  const job = (action: string, {id = '', force = false} = {}): Promise<string> =>
    put(encodeAction({action, value: encodeJobAction({id, kind: REBALANCE_KIND, force})}))
  return {
    lease: async (command) => {
      const body = encodeAction(encodeLease(command))
      await transport.send({method: 'PUT', path: CLUSTER, body, ...LEASE_CALL})
    },
    order: ({action, nodeIds, skipRebalance, removeUserData, keepInitialConfig, run}) =>
      put(
        encodeAction({
          action,
          value: encodeNodeAction({
            nodeIds,
            skipRebalance,
            removeUserData: removeUserData ?? false,
            keepInitialConfig: keepInitialConfig ?? false,
            noShutdown: false,
            ...(run === undefined ? {} : {run}),
          }),
        }),
      ),
    remove: async (nodeId, run) => {
      // Compat: the reference refuses without skip_rebalance: unsafe must be said twice.
      const value = {sid: nodeId, skip_rebalance: true, ...(run === undefined ? {} : {run})}
      await put(encodeAction({action: ACTION.removeUnsafe, value}))
    },
    adopt: async (nodeId, order) => {
      const {text} = await transport.send({
        method: 'PUT',
        path: '/v1/reverse/daemon',
        headers: {[HEADER.nodeId]: nodeId},
        body: encodeAction({action: ADOPT_ACTION, value: encodeAdoptOrder(order)}),
      })
      return decodeAdopted(parseJson(text))
    },
    startRebalance: () => job(ACTION.start),
    stopRebalance: async (stop) => {
      await job(ACTION.stop, stop)
    },
    operation: () => askOperation(transport),
  }
}

/** @throws AisError UNSUPPORTED when this cluster does not tell */
async function askOperation(transport: Transport): Promise<OperationAnswer> {
  try {
    const found = await transport.sendForJson({
      method: 'GET',
      path: CLUSTER,
      query: {[QUERY.what]: 'operation'},
      timeoutMs: STATUS_TIMEOUT_MS,
      attempts: 3,
    })
    return decodeOperation(found)
  } catch (error) {
    if (!(error instanceof AisError) || error.code !== 'BAD_REQUEST') throw error
    const where = transport.endpoints()[0] ?? 'the cluster'
    throw new AisError(
      {
        code: 'UNSUPPORTED',
        message: `${where} does not tell of nodes that come and go, nor of its rebalance`,
        hint: 'is it an AIStore cluster, or of an older release? See: aisctl show cluster',
      },
      error,
    )
  }
}
