/** Whether this node stands for primary now, and why (R4). */

import {isElectable, isLeaving, type Member} from '../../model/node.ts'
import type {ClusterRecord, ElectionReason} from '../../model/record.ts'
import {rankOf, waitLeft} from '../election/patience.ts'
import type {NodeState} from './state.ts'
import {primaryWatch} from './watch.ts'

/** Why this node stands now; undefined: it may not, or not yet. */
export function reasonToStand(node: NodeState): ElectionReason | undefined {
  const record = node.durable.accepted?.record
  const self = record?.smap.nodes[node.facts.self.id]
  if (record === undefined || self === undefined || !isFree(node, self)) return undefined
  if (isResuming(node, record)) return 'again'
  const watch = primaryWatch(node)
  // A process that has just started may simply be the first of many: it waits in silence.
  const seen = node.followed === null ? {...watch, evidence: null} : watch
  // The rank only adds patience, and the order of succession costs a digest of every id.
  if (waitLeft(seen, self.id, 0) > 0) return undefined
  if (waitLeft(seen, self.id, rankOf(record.smap, self.id)) > 0) return undefined
  return watch.evidence === null ? 'silent' : 'gone'
}

/** Whether it may stand at all, has nothing on its way to the disk, and given its vote to nobody. */
function isFree(node: NodeState, self: Member): boolean {
  const {durable, granted, nowMs, stop, timers, writes} = node
  const yields = granted !== null && granted.id !== self.id && nowMs < granted.atMs + timers.leaseMs
  return (
    self.inc === durable.inc &&
    mayAsk(node, self) &&
    writes.length === 0 &&
    stop === null &&
    !yields
  )
}

/**
 * Whether it is worth asking. A gateway that missed its own promotion is a learner in the record
 * that it has; the votes bring the newer one, and whether it may lead that is tested there (R6). It
 * comes after all that may by this one.
 */
function mayAsk({facts}: NodeState, self: Member): boolean {
  const isLate = self.learner || isLeaving(self)
  return isElectable(self) || (self.role === 'proxy' && !facts.self.nonElectable && isLate)
}

/**
 * Nobody was heard in this run: the primary on record goes first, so that a restart of the whole
 * cluster changes nothing. One that led until now has only heard of a higher epoch (R11).
 */
function isResuming({facts, followed, led}: NodeState, record: ClusterRecord): boolean {
  return record.smap.primary === facts.self.id && (followed === null || led === record.epoch)
}
