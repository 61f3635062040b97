/**
 * What a target has kept aside since it was removed from the map is taken up, call by call: each is
 * short, and may be the last one without harm.
 */

import type {Adopted} from '../wire/adopt.ts'
import type {ClusterClient} from './cluster.ts'

export interface AdoptAll {
  readonly discard: boolean
  /** Told of the sum after each call. */
  readonly onProgress: (sum: Adopted) => void
}

const NOTHING: Adopted = {
  adopted: 0,
  bytes: 0,
  present: 0,
  obsolete: 0,
  failed: 0,
  problem: '',
  next: '',
}

export async function adoptAll(
  client: ClusterClient,
  nodeId: string,
  {discard, onProgress}: AdoptAll,
): Promise<Adopted> {
  let sum = NOTHING
  do {
    sum = added(sum, await client.membership.adopt(nodeId, {after: sum.next, discard}))
    onProgress(sum)
  } while (sum.next !== '')
  return sum
}

function added(sum: Adopted, more: Adopted): Adopted {
  return {
    adopted: sum.adopted + more.adopted,
    bytes: sum.bytes + more.bytes,
    present: sum.present + more.present,
    obsolete: sum.obsolete + more.obsolete,
    failed: sum.failed + more.failed,
    problem: more.problem === '' ? sum.problem : more.problem,
    next: more.next,
  }
}
