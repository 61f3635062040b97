/**
 * Which nodes an order means, and what it concerns: what they store, and whether it may be given.
 * Asked before anything is changed, so that the operator knows what is agreed to.
 */

import {AisError} from '../base/errors.ts'
import {nodeLabel} from '../model/ids.ts'
import type {Member} from '../model/node.ts'
import {isElectable} from '../model/node.ts'
import type {Stored} from '../model/ok-to-stop.ts'
import type {Smap} from '../model/record.ts'
import {decodeSmap} from '../wire/smap.ts'
import type {ClusterClient} from './cluster.ts'
import {mapParallel} from './cluster.ts'
import {sameCluster} from './look-until.ts'
import type {MembershipAction} from './membership.ts'
import {resolveNode} from './node-name.ts'

export interface MeantNode {
  readonly member: Member
  readonly id: string
  readonly role: 'proxy' | 'target'
  /** Null for a gateway, and for a target that does not answer. */
  readonly stored: Stored | null
}

export interface Meant {
  readonly action: MembershipAction
  /** As typed. */
  readonly names: readonly string[]
  /** The cluster that is meant, when it is known by name. */
  readonly uuid?: string | undefined
}

/** @throws AisError NODE_NOT_FOUND, USAGE, WRONG_CLUSTER; WRONG_STATE for the primary itself */
export async function meantNodes(
  client: ClusterClient,
  {action, names, uuid}: Meant,
): Promise<readonly MeantNode[]> {
  const {smap, uuid: found} = decodeSmap(await client.smap())
  if (uuid !== undefined) sameCluster(client, uuid, found)
  const members = [...new Set(names.map((name) => resolveNode(smap, name)))]
  const primary = members.find(({id}) => id === smap.primary)
  if (primary !== undefined && action !== 'stop-maintenance') throw isPrimary(primary, smap, action)
  return await mapParallel(members, async (member) => ({
    member,
    id: member.id,
    role: member.role,
    stored: await storedBy(client, member),
  }))
}

/** What a target says that it stores; null when it does not say. */
export async function storedBy(client: ClusterClient, member: Member): Promise<Stored | null> {
  if (member.role === 'proxy' || member.away !== null) return null
  try {
    const {objects, bytes} = await client.leadership.recoveryOf(member.id)
    return objects === null || bytes === null ? null : {objects, bytes}
  } catch (error) {
    if (error instanceof AisError && error.code !== 'INTERRUPTED') return null
    throw error
  }
}

function isPrimary({id, role}: Member, {nodes}: Smap, action: string): AisError {
  const heirs = Object.values(nodes)
    .filter((one) => isElectable(one) && one.id !== id && one.away === null)
    .map((one) => one.id)
    .toSorted()
  const [heir] = heirs
  return new AisError({
    code: 'WRONG_STATE',
    message: `${nodeLabel(role, id)} is the primary, and ${action} cannot be done to it; nothing was changed`,
    hint:
      heir === undefined
        ? 'no other gateway could lead now: add one, or start those that are off'
        : `first hand its office over: aisctl cluster set-primary ${heir}`,
  })
}
