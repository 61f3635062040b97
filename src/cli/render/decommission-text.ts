/** What is asked and said of nodes that leave for good. */

import type {Asked, Done} from '../membership-command.ts'

/** They are in no map, and their hosts know it. */
export function goneText(labels: string, several: boolean): string {
  return `${labels} ${several ? 'have' : 'has'} left the cluster; ${several ? 'their units are' : 'its unit is'} off for good. See it: aisctl show cluster`
}

/** What is agreed to. */
export function questionOf({labels, data, several}: Asked, wipes: boolean): string {
  const moves = data === '' ? '' : ` ${data} move away first.`
  const disks = several ? 'their disks are' : 'its disks are'
  const wiped = wipes ? ` Then ${disks} wiped, which cannot be undone.` : ''
  return `Take ${labels} out of the cluster for good?${moves}${wiped}`
}

/** @param units their hosts are known here, with units to turn off */
export function concludeText(
  {labels, ids, rebalance, waited, several}: Done,
  units: boolean,
): string {
  if (waited) {
    return `${labels} ${several ? 'have' : 'has'} left the cluster; nothing is on ${several ? 'them' : 'it'} alone. See it: aisctl show cluster`
  }
  const leave = several ? 'leave' : 'leaves'
  const off = units ? ` · then its unit off for good: aisctl node decommission ${ids}` : ''
  if (rebalance === '')
    return `${labels} ${leave} the cluster now. See it: aisctl show cluster${off}`
  const its = several ? 'their' : 'its'
  return `${labels} ${leave} the cluster when ${its} data has moved. Watch it: aisctl show rebalance --refresh 2 · take ${several ? 'them' : 'it'} back: aisctl node maintenance stop ${ids}`
}
