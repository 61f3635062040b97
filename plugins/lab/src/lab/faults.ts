/** Freezing, unplugging, and the end of all faults. */

import {setFrozen} from './cgroups.ts'
import {stopDelay} from './delay.ts'
import {disturbDisk} from './disks.ts'
import {hostCgroup, hostName, namespaceName} from './names.ts'
import {removeRules} from './partitions.ts'
import {isOn} from './power.ts'
import {attempt} from './run.ts'
import type {LabState} from './state.ts'

/**
 * Freezes hosts or lets them run again. A frozen host looks hung: its kernel still answers ping and
 * accepts connections, and no process of it runs.
 */
export async function freeze(
  lab: LabState,
  numbers: readonly number[],
  frozen: boolean,
): Promise<void> {
  const cgroups = numbers.map((number) => hostCgroup(lab, number))
  await setFrozen(cgroups, frozen)
}

/** Pulls (or plugs in) the hosts' cable: then not even the operator reaches them. */
export async function plug(
  lab: LabState,
  numbers: readonly number[],
  plugged: boolean,
): Promise<void> {
  for (const number of numbers.filter((one) => isOn(lab, one))) {
    const link = ['ip', '-n', namespaceName(lab), 'link', 'set', `vb-${hostName(number)}`]
    await attempt([...link, plugged ? 'up' : 'down'])
  }
}

/** Ends every fault of network and processes, and with `disks` those of disks. Power stays. */
export async function heal(lab: LabState, disks: boolean): Promise<LabState> {
  const numbers = lab.hosts.map((host) => host.number)
  await removeRules(lab)
  await freeze(lab, numbers, false)
  for (const number of numbers) await stopDelay(lab, number)
  await plug(lab, numbers, true)
  let healed = lab
  if (!disks) return healed
  for (const {number, away} of lab.hosts) {
    for (const disk of away) healed = await disturbDisk(healed, number, disk, 'heal')
  }
  return healed
}
