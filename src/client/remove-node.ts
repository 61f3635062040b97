/**
 * A node leaves the map at once, and nothing moves: what would be unreachable then, as far as
 * anybody can tell, and the order itself. For nodes that nobody expects back.
 */

import {setTimeout as sleep} from 'node:timers/promises'
import {AisError} from '../base/errors.ts'
import type {Member} from '../model/node.ts'
import {nodeLabelOf, ownsKeys} from '../model/node.ts'
import {decodeSmap} from '../wire/smap.ts'
import type {ClusterClient} from './cluster.ts'
import {mapParallel} from './cluster.ts'
import {sameCluster} from './look-until.ts'
import {resolveNode} from './node-name.ts'
import type {Stored} from '../model/ok-to-stop.ts'
import {storedBy} from './take-out.ts'

export interface Removal {
  readonly member: Member
  /** What may be on it alone. Null: nobody can say. */
  readonly alone: Stored | null
  /** It does not answer: as much as the other targets have on the average. */
  readonly estimated: boolean
}

/** @throws AisError NODE_NOT_FOUND, USAGE, WRONG_CLUSTER; WRONG_STATE for the primary */
export async function planRemoval(
  client: ClusterClient,
  name: string,
  uuid: string | undefined,
): Promise<Removal> {
  const {smap, uuid: found} = decodeSmap(await client.smap())
  if (uuid !== undefined) sameCluster(client, uuid, found)
  const member = resolveNode(smap, name)
  if (member.id === smap.primary) {
    throw new AisError({
      code: 'WRONG_STATE',
      message: `${nodeLabelOf(member)} is the primary, and cannot be removed; nothing was changed`,
      hint: 'first hand its office over: aisctl cluster set-primary NODE',
    })
  }
  const nothing = {member, alone: {objects: 0, bytes: 0}, estimated: false}
  if (member.role === 'proxy') return nothing
  const {nodes, live} = await client.membership.operation()
  const holds = ownsKeys(member) || nodes.find(({id}) => id === member.id)?.holds === true
  if (live && !holds) return nothing
  const own = await storedBy(client, member)
  if (own !== null) return {member, alone: own, estimated: false}
  const others = Object.values(smap.nodes).filter((one) => ownsKeys(one) && one.id !== member.id)
  return {member, alone: averageOf(await mapParallel(others, storedIn(client))), estimated: true}
}

function storedIn(client: ClusterClient): (member: Member) => Promise<Stored | null> {
  return (member) => storedBy(client, member)
}

function averageOf(found: readonly (Stored | null)[]): Stored | null {
  const known = found.filter((one) => one !== null)
  if (known.length === 0) return null
  const mean = (pick: (one: Stored) => number): number =>
    Math.round(known.reduce((sum, one) => sum + pick(one), 0) / known.length)
  return {objects: mean(({objects}) => objects), bytes: mean(({bytes}) => bytes)}
}

export interface RemovalOptions {
  readonly timeoutMs: number
  readonly onProgress: (text: string) => void
}

const LOOK_EVERY_MS = 500

/**
 * Takes it out first when it owns its share: the others have to own it before what it holds may be
 * forgotten. @throws AisError BUSY beside another operation, TIMED_OUT
 */
export async function removeNode(
  client: ClusterClient,
  {member}: Removal,
  {timeoutMs, onProgress}: RemovalOptions,
): Promise<void> {
  const {id} = member
  if (ownsKeys(member)) {
    onProgress(`${nodeLabelOf(member)}: its share passes to the other targets`)
    const out = {action: 'start-maintenance', nodeIds: [id], skipRebalance: true} as const
    await client.membership.order(out)
  }
  const untilMs = performance.now() + timeoutMs
  for (;;) {
    try {
      return await client.membership.remove(id)
    } catch (error) {
      const passing = error instanceof AisError && error.code === 'NOT_READY'
      if (!passing || performance.now() > untilMs) throw error
      onProgress(error.message)
      await sleep(LOOK_EVERY_MS)
    }
  }
}
