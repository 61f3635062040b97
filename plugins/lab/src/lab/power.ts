/**
 * Power of the hosts: on, cut, reboot. A host that is on has a supervisor (assets/supervise.sh)
 * that outlives the command. A cut takes the disks away first and the processes then, all hosts at
 * once: killing alone would lose nothing, because the page cache is this machine's.
 */

import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {readFileSync, rmSync, writeFileSync} from 'node:fs'
import {AisError} from 'aisctl/kit'
import {asset} from './assets.ts'
import {cgroupRoots, isPopulated, killCgroups, removeCgroup, setFrozen} from './cgroups.ts'
import {cutFilesystems} from './filesystems.ts'
import {hostFilesystems, prepareHost, releaseHost} from './host.ts'
import {BRIDGE, POWER_OFF_MS_MAX, REBOOT_MS_MAX} from './limits.ts'
import {hostCgroup, hostName, hostPaths, labCgroup} from './names.ts'
import {insideNetwork, waitForSsh} from './network.ts'
import {livingProcess, signalProcess} from './processes.ts'
import {attempt} from './run.ts'
import {sshCommand} from './ssh.ts'
import type {LabState} from './state.ts'
import {waitUntil} from './wait.ts'

/** Whether the host's power is on. */
export function isOn(lab: LabState, number: number): boolean {
  return livingProcess(hostPaths(lab, number).supervisor) !== undefined
}

/** Powers hosts on and waits until they answer on SSH; hosts that are on stay as they are. */
export async function powerOn(lab: LabState, numbers: readonly number[]): Promise<void> {
  const off = numbers.filter((number) => !isOn(lab, number))
  await Promise.all(off.map((number) => boot(lab, number)))
  await waitForSsh(lab, numbers)
}

/** Cuts the power of hosts, all at the same moment: synced data stays, the rest is lost. */
export async function powerOff(lab: LabState, numbers: readonly number[]): Promise<void> {
  const cgroups = numbers.map((number) => hostCgroup(lab, number))
  for (const number of numbers) rmSync(hostPaths(lab, number).power, {force: true})
  // Nobody may answer between the loss of the disks and the end of the processes.
  await setFrozen(cgroups, true)
  await cutFilesystems(numbers.flatMap((number) => hostFilesystems(lab, number)))
  await killCgroups(cgroups)
  await Promise.all(numbers.map((number) => endSupervisor(lab, number)))
  for (const number of numbers) {
    await releaseHost(lab, number)
    // It would stay frozen for the next boot.
    removeCgroup(hostCgroup(lab, number))
  }
}

/** Reboots hosts in order, by their own service manager, and waits until they answer again. */
export async function reboot(lab: LabState, numbers: readonly number[]): Promise<void> {
  const before = new Map(numbers.map((number) => [number, bootMark(lab, number)]))
  for (const [number, mark] of before) if (mark === undefined) throw isOff(number)
  await Promise.all(numbers.map((number) => attempt(sshCommand(lab, number, ['systemctl reboot']))))
  const again = (): boolean =>
    numbers.every((number) => {
      const mark = bootMark(lab, number)
      return mark !== undefined && mark !== before.get(number)
    })
  if (!(await waitUntil(again, REBOOT_MS_MAX))) {
    throw new AisError({
      code: 'TIMED_OUT',
      message: `${numbers.map(hostName).join(', ')} did not reboot within ${REBOOT_MS_MAX / 1000} s`,
      hint: 'cut the power instead: aisctl lab power-off, then power-on',
    })
  }
  await waitForSsh(lab, numbers)
}

async function boot(lab: LabState, number: number): Promise<void> {
  const paths = hostPaths(lab, number)
  const cgroup = hostCgroup(lab, number)
  // What a crash in the middle, or a host that powered itself off, left behind.
  if (isPopulated(cgroup)) await killCgroups([cgroup])
  removeCgroup(cgroup)
  await releaseHost(lab, number)
  rmSync(paths.supervisor, {force: true})
  await prepareHost(lab, number)
  writeFileSync(paths.power, '')
  await startDetached([
    ...insideNetwork(lab, ['unshare', '--mount', '--propagation', 'slave']),
    'bash',
    asset('supervise.sh'),
    paths.directory,
    hostName(number),
    BRIDGE,
    labCgroup(lab),
    cgroup,
    ...cgroupRoots(),
  ])
  if (await waitUntil(() => isOn(lab, number), POWER_OFF_MS_MAX)) return
  throw new AisError({
    code: 'HOST_COMMAND',
    message: `the supervisor of ${hostName(number)} did not start`,
    hint: `look at ${paths.directory}/boot.log`,
  })
}

async function startDetached(argv: readonly string[]): Promise<void> {
  const [file = '', ...words] = argv
  const child = spawn(file, words, {detached: true, stdio: 'ignore', cwd: '/'})
  await once(child, 'spawn')
  child.unref()
}

async function endSupervisor(lab: LabState, number: number): Promise<void> {
  const {supervisor, nspawn} = hostPaths(lab, number)
  const ended = (): boolean => livingProcess(supervisor) === undefined
  if (!(await waitUntil(ended, POWER_OFF_MS_MAX))) {
    const alive = livingProcess(supervisor)
    if (alive !== undefined) signalProcess(alive, 'SIGKILL')
    await waitUntil(ended, POWER_OFF_MS_MAX)
  }
  rmSync(supervisor, {force: true})
  rmSync(nspawn, {force: true})
}

/** Differs from boot to boot; undefined while the host is off. */
function bootMark(lab: LabState, number: number): string | undefined {
  if (!isOn(lab, number)) return undefined
  try {
    return readFileSync(hostPaths(lab, number).nspawn, 'utf8')
  } catch {
    // Between two boots.
    return undefined
  }
}

function isOff(number: number): AisError {
  return new AisError({
    code: 'REFUSED',
    message: `${hostName(number)} is off`,
    hint: `run: aisctl lab power-on ${number}`,
  })
}
