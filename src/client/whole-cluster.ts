/**
 * The end of a whole cluster over its own API: AIStore's `shutdown` and `decommission`. Any gateway
 * takes the order; it is done when no node answers any more.
 */

import {setTimeout as sleep} from 'node:timers/promises'
import {AisError} from '../base/errors.ts'
import {formatDuration} from '../base/units.ts'
import type {Member} from '../model/node.ts'
import {endpointUrl, nodeLabelOf} from '../model/node.ts'
import {encodeNodeOrder, type NodeOrder} from '../wire/action.ts'
import {decodeSmap} from '../wire/smap.ts'
import type {ClusterClient} from './cluster.ts'
import {mapParallel} from './cluster.ts'
import {sameCluster} from './look-until.ts'
import {probe} from './probe.ts'

export interface WholeCluster {
  readonly uuid: string
  /** Targets first, as they will end. */
  readonly up: readonly Member[]
  /** They do not answer, so they will not hear of it. */
  readonly off: readonly Member[]
}

const PROBE_MS = 2000
const LOOK_EVERY_MS = 200

/** Who would be told. @throws AisError WRONG_CLUSTER */
export async function wholeCluster(
  client: ClusterClient,
  wanted: string | undefined,
): Promise<WholeCluster> {
  const {uuid, smap} = decodeSmap(await client.smap())
  if (wanted !== undefined) sameCluster(client, wanted, uuid)
  const members = Object.values(smap.nodes).toSorted((a, b) => rankOf(a).localeCompare(rankOf(b)))
  const answers = await mapParallel(members, async (member) => ({
    member,
    up: await isThere(member),
  }))
  return {
    uuid,
    up: answers.filter(({up}) => up).map(({member}) => member),
    off: answers.filter(({up}) => !up).map(({member}) => member),
  }
}

function rankOf({role, id}: Member): string {
  return `${role === 'target' ? 0 : 1} ${id}`
}

async function isThere(member: Member): Promise<boolean> {
  return (await probe(`${endpointUrl(member.public)}/v1/health`, PROBE_MS)) !== undefined
}

export interface EndOptions {
  readonly order: NodeOrder
  readonly timeoutMs: number
  readonly onProgress: (text: string) => void
}

/** Gives the order and waits for the end. @throws AisError TIMED_OUT that names who is still there */
export async function endCluster(
  client: ClusterClient,
  {up}: WholeCluster,
  {order, timeoutMs, onProgress}: EndOptions,
): Promise<void> {
  await client.transport.send({method: 'PUT', path: '/v1/cluster', body: encodeNodeOrder(order)})
  const untilMs = performance.now() + timeoutMs
  let there = up
  while (there.length > 0) {
    onProgress(`${up.length - there.length} of ${up.length} nodes have ended`)
    if (performance.now() > untilMs) throw stillThere(there, order, timeoutMs)
    await sleep(LOOK_EVERY_MS)
    const left = await mapParallel(there, async (member) => ({member, is: await isThere(member)}))
    there = left.filter(({is}) => is).map(({member}) => member)
  }
}

function stillThere(there: readonly Member[], {action}: NodeOrder, timeoutMs: number): AisError {
  const labels = there.map(nodeLabelOf).join(', ')
  return new AisError({
    code: 'TIMED_OUT',
    message: `${labels} still there ${formatDuration(timeoutMs)} after the ${action} was ordered`,
    hint: 'its log says what keeps it; a stop of its process or unit ends it, too',
    details: {nodes: there.map(({id}) => id)},
  })
}
