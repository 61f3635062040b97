/** On how many mountpaths the objects of each bucket are to lie, as the newest record says. */

import type {ClusterView} from '../../model/cluster-view.ts'
import {copiesWanted} from '../../model/mirror.ts'
import type {ClusterRecord} from '../../model/record.ts'

/** @returns null for a bucket that the record does not know, or calls destroyed */
export function createCopiesWanted(view: () => ClusterView): (bid: string) => number | null {
  let record: ClusterRecord | null = null
  let byBid: ReadonlyMap<string, number> = new Map()
  return (bid) => {
    const now = view().record
    if (now !== null && now !== record) {
      record = now
      byBid = new Map(
        Object.values(now.bmd.buckets)
          .filter(({deletedAt}) => deletedAt === undefined)
          .map((bucket) => [bucket.bid, copiesWanted(bucket, now.conf.set)]),
      )
    }
    return byBid.get(bid) ?? null
  }
}
