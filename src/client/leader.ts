/**
 * Whether the cluster has a primary at present, asked of the gateways until one knows: a gateway
 * that is cut off hears nobody and must not have the last word.
 */

import {AisError} from '../base/errors.ts'
import {endpointUrl} from '../model/node.ts'
import type {Smap} from '../model/record.ts'
import type {ElectionsAnswer} from '../wire/elections.ts'
import type {ClusterClient} from './cluster.ts'

/**
 * The best that any gateway knows: of one that hears a primary, else of the one with the newest
 * record. Undefined when this cluster does not tell (an AIStore cluster has no such question).
 * @throws AisError when no gateway answers
 */
export async function findLeader(
  client: ClusterClient,
  smap: Smap,
): Promise<ElectionsAnswer | undefined> {
  const first = await toldBy(client, undefined)
  if (first === undefined || first.live) return first
  const others = Object.values(smap.nodes).filter(
    ({id, role}) => role === 'proxy' && id !== first.node,
  )
  const answers = await Promise.all(
    others.map((gateway) => toldBy(client, endpointUrl(gateway.public))),
  )
  const all = [first, ...answers.filter((answer) => answer !== undefined)]
  return all.toSorted(byKnowledge)[0]
}

function byKnowledge(a: ElectionsAnswer, b: ElectionsAnswer): number {
  if (a.live !== b.live) return a.live ? -1 : 1
  return a.epoch === b.epoch ? b.index - a.index : b.epoch - a.epoch
}

/** @param at one gateway, whose silence is no error; absent: any */
async function toldBy(
  client: ClusterClient,
  at: string | undefined,
): Promise<ElectionsAnswer | undefined> {
  try {
    return await client.leadership.elections(at)
  } catch (error) {
    if (!(error instanceof AisError) || error.code === 'INTERRUPTED') throw error
    const untold = ['BAD_REQUEST', 'NOT_FOUND', 'UNSUPPORTED'].includes(error.code)
    if (at !== undefined || untold) return undefined
    throw error
  }
}
