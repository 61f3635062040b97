/**
 * Who leads: the questions and orders about it. `at` is the public URL of the one node that is to
 * answer. What is made of the answers is the concern of failback.ts and recovery.ts.
 */

import {ACTION, encodeAction} from '../wire/action.ts'
import {HEADER} from '../wire/headers.ts'
import {QUERY} from '../wire/query.ts'
import type {ElectionsAnswer} from '../wire/elections.ts'
import {decodeElections} from '../wire/elections.ts'
import type {RecoveryAnswer} from '../wire/recovery.ts'
import {decodeRecovery, encodeRecover} from '../wire/recovery.ts'
import {decodeSmap} from '../wire/smap.ts'
import {RECOVER_TIMEOUT_MS, STATUS_TIMEOUT_MS} from './limits.ts'
import type {ClientRequest} from './request.ts'
import type {Transport} from './transport.ts'

export interface LeadershipClient {
  /** What a gateway knows of elections; of any gateway, or of this one. */
  elections(at?: string): Promise<ElectionsAnswer>
  /** Id of the primary in the map that this node holds. */
  primaryAt(at: string): Promise<string>
  /** Where one node stands: asked directly (any gateway where none is named), or through a gateway. */
  recoveryAt(at: string | undefined): Promise<RecoveryAnswer>
  recoveryOf(nodeId: string): Promise<RecoveryAnswer>
  /** Hands the office to this gateway; resolves when it leads. */
  setPrimary(nodeId: string): Promise<void>
  /** Orders this gateway to lead without a majority. */
  recover(
    at: string,
    order: {readonly uuid: string; readonly survivors: readonly string[]},
  ): Promise<void>
}

/** One question to one node: its answer or its silence is the news. */
const ONCE = {method: 'GET', timeoutMs: STATUS_TIMEOUT_MS, attempts: 1} as const

/** Any gateway: one that is not ready is passed over, but nothing is waited for. */
const SOME = {method: 'GET', timeoutMs: STATUS_TIMEOUT_MS, attempts: 3} as const

export function createLeadershipClient(transport: Transport): LeadershipClient {
  const ask = (request: Omit<ClientRequest, 'method'>, what: string) =>
    transport.sendForJson({...ONCE, ...request, query: {[QUERY.what]: what}})
  return {
    elections: async (at) =>
      decodeElections(
        await (at === undefined
          ? transport.sendForJson({...SOME, path: '/v1/cluster', query: ELECTIONS})
          : ask({path: '/v1/cluster', at}, 'elections')),
      ),
    primaryAt: async (at) => {
      const {smap} = decodeSmap(await ask({path: '/v1/daemon', at}, 'smap'))
      return smap.primary
    },
    recoveryAt: async (at) => {
      const which = at === undefined ? {} : {at}
      return decodeRecovery(await ask({path: '/v1/daemon', ...which}, 'recovery'))
    },
    recoveryOf: async (nodeId) => {
      const headers = {[HEADER.nodeId]: nodeId}
      return decodeRecovery(await ask({path: '/v1/reverse/daemon', headers}, 'recovery'))
    },
    setPrimary: async (nodeId) => {
      await transport.send({method: 'PUT', path: `/v1/cluster/proxy/${nodeId}`})
    },
    recover: async (at, {uuid, survivors}) => {
      await transport.send({
        method: 'PUT',
        path: '/v1/cluster',
        at,
        attempts: 1,
        timeoutMs: RECOVER_TIMEOUT_MS,
        body: encodeAction({action: ACTION.recover, name: uuid, value: encodeRecover({survivors})}),
      })
    },
  }
}

const ELECTIONS = {[QUERY.what]: 'elections'}
