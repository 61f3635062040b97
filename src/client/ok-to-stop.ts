/** What would be missing if these nodes were off: one question; the cluster itself judges. */

import {AisError} from '../base/errors.ts'
import type {OkToStop} from '../model/ok-to-stop.ts'
import {decodeOkToStop, okToStopQuery} from '../wire/ok-to-stop.ts'
import {decodeSmap} from '../wire/smap.ts'
import type {ClusterClient} from './cluster.ts'
import {OK_TO_STOP_TIMEOUT_MS} from './limits.ts'
import {resolveNode} from './node-name.ts'

export type {OkToStop, Stoppable} from '../model/ok-to-stop.ts'

/** @throws AisError NODE_NOT_FOUND, USAGE; and when no gateway answers */
export async function okToStop(client: ClusterClient, names: readonly string[]): Promise<OkToStop> {
  const {smap} = decodeSmap(await client.smap())
  const ids = names.map((name) => resolveNode(smap, name).id)
  try {
    const found = await client.transport.sendForJson({
      method: 'GET',
      path: `/v1/cluster?${okToStopQuery(ids)}`,
      timeoutMs: OK_TO_STOP_TIMEOUT_MS,
      attempts: 3,
    })
    return decodeOkToStop(found)
  } catch (error) {
    if (!(error instanceof AisError) || error.code !== 'BAD_REQUEST') throw error
    throw new AisError(
      {
        code: 'UNSUPPORTED',
        message: `${client.endpoint()} does not say what would be missing without a node`,
        hint: 'is it an AIStore cluster, or of an older release? See: aisctl show cluster',
      },
      error,
    )
  }
}
