/**
 * What the object path is given: the view and the lease of the kernel beside it, a store, a way to
 * ask others. The data plane's mutants lie in here.
 */

import {NO_RING, ringOf, type OwnRing} from '../../../src/core/objects/ring.ts'
import {PRIMARY_UNKNOWN, type ClusterView} from '../../../src/model/cluster-view.ts'
import type {ClusterRecord} from '../../../src/model/record.ts'
import type {ObjectsDeps} from '../../../src/node/objects/dispatch.ts'
import {createTraffic} from '../../../src/node/move/traffic.ts'
import type {Log} from '../../../src/node/observe/log.ts'
import type {AskTarget} from '../../../src/node/peer/data-client.ts'
import type {ObjectStore} from '../../../src/node/store/object-store.ts'
import type {SimProcess} from '../world/process.ts'
import type {ObjectMutant} from './mutants.ts'

export interface BorderDeps {
  readonly process: SimProcess
  readonly ask: AskTarget
  readonly mutant: ObjectMutant | undefined
  readonly violate: (invariant: string, detail: string) => void
}

/** What the object path logs when something threw that is no answer. */
const DEFECT = 'object request failed'

export function objectsDeps(deps: BorderDeps, store: ObjectStore): ObjectsDeps {
  const {process, mutant, violate} = deps
  const rings = new WeakMap<ClusterRecord, OwnRing>()
  let replying = false
  const beforeReply =
    <A extends readonly unknown[]>(done: (...args: A) => void) =>
    (...args: A): void => {
      replying = true
      done(...args)
      replying = false
    }
  const view = (): ClusterView => {
    const found = process.view() ?? emptyView(process)
    if (mutant?.settlesAtOnce !== true || found.record === null) return found
    return {...found, settledIndex: found.record.index}
  }
  const log: Log = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    // A read that breaks off because of its disk is no defect; a handler that throws is one.
    error: (text, facts) => {
      if (text !== DEFECT) return
      violate('defect', `${process.facts.self.id}: ${text} ${JSON.stringify(facts)}`)
    },
  }
  return {
    view,
    ring: () => {
      const {record} = view()
      if (record === null) return NO_RING
      const ring = rings.get(record) ?? ringOf(record)
      rings.set(record, ring)
      return ring
    },
    leaseValid: () => {
      if (mutant?.ignoresLease === 'always') return true
      return (mutant?.ignoresLease !== undefined && replying) || process.leaseValid()
    },
    store: {
      ...store,
      commitWrite: (change, body, done) => store.commitWrite(change, body, beforeReply(done)),
      remove: (change, done) => store.remove(change, beforeReply(done)),
    },
    askTarget: deps.ask,
    traffic: createTraffic(() => process.atMs()),
    settings: () => ({checksumType: 'xxhash2'}),
    now: () => ({ns: BigInt(Math.floor(process.atMs() * 1e6))}),
    log,
  }
}

/** Before the kernel has published anything. */
function emptyView(process: SimProcess): ClusterView {
  const {id, role} = process.facts.self
  return {
    self: {id, role, inc: 0},
    record: null,
    leading: false,
    primary: PRIMARY_UNKNOWN,
    settledIndex: 0,
    nodeStarted: false,
    clusterStarted: false,
    stopping: false,
  }
}
