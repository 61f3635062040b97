/** Mountpaths of a target: how they are, and orders about them, through any gateway. */

import {setTimeout as sleep} from 'node:timers/promises'

import {AisError} from '../base/errors.ts'
import {encodeAction} from '../wire/action.ts'
import {HEADER} from '../wire/headers.ts'
import type {MountpathLists, MountpathRequest, ResilverSnap} from '../wire/mountpaths.ts'
import {
  MOUNTPATH_ACTION,
  MOUNTPATH_METHOD,
  decodeMountpathLists,
  decodeResilver,
  mountpathQuery,
} from '../wire/mountpaths.ts'
import {QUERY} from '../wire/query.ts'
import type {Transport} from './transport.ts'

export interface MountpathClient {
  lists(nodeId: string): Promise<MountpathLists>
  /** The resilver of a target that runs, or was the last since it started. */
  resilver(nodeId: string): Promise<ResilverSnap | null>
  /** Resolves with whether anything was changed. */
  order(nodeId: string, request: MountpathRequest): Promise<boolean>
  /** Resolves when nothing is being emptied at that path any more. @throws AisError TIMED_OUT */
  emptied(nodeId: string, path: string, timeoutMs: number): Promise<MountpathLists>
}

const DAEMON = '/v1/reverse/daemon'
const NOTHING_TO_DO = 204
/** Between two looks at a mountpath that is being emptied. */
const LOOK_MS = 500

export function createMountpathClient(transport: Transport): MountpathClient {
  const headersFor = (nodeId: string): Record<string, string> => ({[HEADER.nodeId]: nodeId})
  const lists = async (nodeId: string): Promise<MountpathLists> => {
    const query = {[QUERY.what]: 'mountpaths'}
    const headers = headersFor(nodeId)
    return decodeMountpathLists(
      await transport.sendForJson({method: 'GET', path: DAEMON, query, headers}),
    )
  }
  return {
    lists,
    resilver: async (nodeId) => {
      const query = {[QUERY.what]: 'resilver'}
      const headers = headersFor(nodeId)
      return decodeResilver(
        await transport.sendForJson({method: 'GET', path: DAEMON, query, headers}),
      )
    },
    order: async (nodeId, request) => {
      const {status} = await transport.send({
        method: MOUNTPATH_METHOD[request.verb],
        path: `${DAEMON}/mountpaths`,
        query: mountpathQuery(request),
        headers: headersFor(nodeId),
        body: encodeAction({action: MOUNTPATH_ACTION[request.verb], value: request.path}),
      })
      return status !== NOTHING_TO_DO
    },
    emptied: async (nodeId, path, timeoutMs) => {
      const untilMs = performance.now() + timeoutMs
      for (;;) {
        const found = await lists(nodeId)
        if (!found.waiting.includes(path)) return found
        if (performance.now() > untilMs) throw late(path)
        await sleep(LOOK_MS)
      }
    },
  }
}

function late(path: string): AisError {
  return new AisError({
    code: 'TIMED_OUT',
    message: `${path} is still being emptied; it goes on`,
    hint: 'see how far it is: aisctl show job',
  })
}
