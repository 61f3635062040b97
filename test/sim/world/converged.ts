/** Whether a cluster is whole: what everything must come to when nothing is wrong any more (C19). */

import type {SimProcess} from './process.ts'

/**
 * One primary, one record in use everywhere, every node an active member, leases held. Nodes that
 * are gone for good may be members, and whatever the record says of them.
 */
export function isConverged(
  processes: readonly SimProcess[],
  isGone: (process: SimProcess) => boolean = () => false,
): boolean {
  const present = processes.filter((process) => !isGone(process))
  const leaders = present.filter((process) => process.view()?.leading === true)
  const [leader] = leaders
  const record = leader?.view()?.record
  if (leaders.length !== 1 || record == null || record.pv !== null) return false
  const {nodes} = record.smap
  const known = present.every((process) => {
    const member = nodes[process.facts.self.id]
    return member !== undefined && !member.learner && member.away === null
  })
  const strangers = Object.keys(nodes).length - present.length
  if (!known || strangers > processes.length - present.length) return false
  return present.every((process) => {
    const view = process.view()
    const same = view?.record?.index === record.index && view.record.epoch === record.epoch
    if (!same || !view.nodeStarted || !view.clusterStarted) return false
    return process.facts.self.role === 'proxy' || process.leaseValid()
  })
}
