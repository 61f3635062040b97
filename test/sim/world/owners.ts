/**
 * Ownership passes in two steps (DESIGN: leases): of two targets never both answer writes of one
 * key, whatever each of them believes. Held against a few keys, by the decision that ships.
 */

import {admit} from '../../../src/core/objects/admit.ts'
import {ringOf, type OwnRing} from '../../../src/core/objects/ring.ts'
import {objectDigest} from '../../../src/core/placement/locate.ts'
import type {ClusterView} from '../../../src/model/cluster-view.ts'
import type {ClusterRecord, OwnEntry} from '../../../src/model/record.ts'
import {simBucket} from './bucket.ts'
import type {SimProcess} from './process.ts'

export interface Owners {
  /** A view or a lease of this process came into use. */
  readonly inUse: (process: SimProcess) => void
}

/** Keys that are looked at: enough that every change of owners passes some. */
const KEYS = 8
const BUCKET = simBucket('objects')

interface Claim {
  readonly process: SimProcess
  readonly view: ClusterView
  /** A bit per key that it would answer writes of. */
  readonly keys: number
}

export function createOwners(violate: (invariant: string, detail: string) => void): Owners {
  const digests = Array.from({length: KEYS}, (_, at) => objectDigest(BUCKET, `key-${at}`))
  const claims: Claim[] = []
  const rings = new WeakMap<readonly OwnEntry[], OwnRing>()

  function ringAt(record: ClusterRecord): OwnRing {
    const known = rings.get(record.own)
    const ring = known ?? ringOf(record)
    if (known === undefined) rings.set(record.own, ring)
    return ring.recordIndex === record.index ? ring : {...ring, recordIndex: record.index}
  }

  function claimOf(view: ClusterView): number {
    const {record} = view
    if (record === null) return 0
    const standing = {view, ring: ringAt(record), leased: true}
    return digests.reduce((keys, digest, at) => {
      const request = {bucket: BUCKET, digest, access: 'write' as const, fence: 0, hops: 3}
      return admit(standing, request).type === 'proceed' ? keys | (1 << at) : keys
    }, 0)
  }

  return {
    inUse: (process) => {
      if (process.facts.self.role !== 'target' || !process.leaseValid()) return
      const view = process.view()
      if (view === undefined) return
      const old = claims[process.index]
      const claim = old?.view === view ? old : {process, view, keys: claimOf(view)}
      claims[process.index] = claim
      for (const other of claims) {
        if (other === undefined || other.process === process) continue
        if ((other.keys & claim.keys) === 0 || other.process.view() !== other.view) continue
        if (!other.process.leaseValid()) continue
        violate('leases', `one key is written by ${describe(other)} and by ${describe(claim)}`)
      }
    },
  }
}

function describe({process, view}: Claim): string {
  const entry = view.record?.own.at(-1)
  const under = `own entry ${entry?.index} of ${view.record?.epoch}.${view.record?.index}`
  return `${process.facts.self.id} under ${under}, settled ${view.settledIndex}`
}
