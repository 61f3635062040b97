/**
 * One cgroup per host, in every hierarchy that systemd looks at: that is what keeps the hosts'
 * service managers apart, and what makes "power" and "freeze" single writes instead of hunts for
 * processes.
 */

import {existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {AisError} from 'aisctl/kit'
import {FREEZE_MS_MAX, POWER_OFF_MS_MAX} from './limits.ts'
import {waitUntil} from './wait.ts'

const HIERARCHIES = ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup/unified', '/sys/fs/cgroup']

/**
 * Hierarchies that a host needs a cgroup in: the unified one, and systemd's own beside it if any.
 */
export function cgroupRoots(): string[] {
  return HIERARCHIES.filter((root) => existsSync(join(root, 'cgroup.procs')))
}

/** The version 2 hierarchy, the only one with `cgroup.kill` and `cgroup.freeze`. */
export function unifiedRoot(): string {
  const root = cgroupRoots().find((path) => existsSync(join(path, 'cgroup.controllers')))
  if (root !== undefined) return root
  throw new AisError({
    code: 'REFUSED',
    message: 'this machine has no version 2 cgroup hierarchy',
    hint: 'mount it: mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 none /sys/fs/cgroup/unified',
  })
}

/** Makes the lab's cgroup and hands the controllers on to the hosts, as far as there are any. */
export function makeLabCgroup(lab: string): void {
  for (const root of cgroupRoots()) mkdirSync(join(root, lab), {recursive: true})
  const path = join(unifiedRoot(), lab)
  const controllers = readFileSync(join(path, 'cgroup.controllers'), 'utf8').trim().split(' ')
  for (const controller of controllers.filter((word) => word !== '')) handOn(path, controller)
}

/**
 * Limits of units in hosts are enforced by controllers; a host does without one that is refused.
 */
function handOn(path: string, controller: string): void {
  try {
    writeFileSync(join(path, 'cgroup.subtree_control'), `+${controller}`)
  } catch (error) {
    // EINVAL, EBUSY: real-time processes or another user of the controller stand in the way.
    const {code} = error as NodeJS.ErrnoException
    if (code !== 'EINVAL' && code !== 'EBUSY') throw error
  }
}

/** Puts a helper process of the lab (not of a host) where `down` finds it. */
export function joinPowerCgroup(lab: string, pid: number): void {
  const path = join(unifiedRoot(), lab, 'power')
  mkdirSync(path, {recursive: true})
  writeFileSync(join(path, 'cgroup.procs'), String(pid))
}

/** Whether any process of the cgroup lives. */
export function isPopulated(cgroup: string): boolean {
  return event(cgroup, 'populated') === '1'
}

/** Whether it is frozen. */
export function isFrozen(cgroup: string): boolean {
  return event(cgroup, 'frozen') === '1'
}

/**
 * Stops (or lets run again) every process of the cgroups at their next step; no process notices.
 */
export async function setFrozen(cgroups: readonly string[], frozen: boolean): Promise<boolean> {
  const present = cgroups.filter(isPopulated)
  for (const cgroup of present) {
    writeFileSync(join(unifiedRoot(), cgroup, 'cgroup.freeze'), frozen ? '1' : '0')
  }
  return waitUntil(() => present.every((cgroup) => isFrozen(cgroup) === frozen), FREEZE_MS_MAX)
}

/** SIGKILL to every process of the cgroups at once; waits until they are gone. */
export async function killCgroups(cgroups: readonly string[]): Promise<void> {
  const present = cgroups.filter((cgroup) => existsSync(join(unifiedRoot(), cgroup)))
  for (const cgroup of present) writeFileSync(join(unifiedRoot(), cgroup, 'cgroup.kill'), '1')
  if (await waitUntil(() => !present.some(isPopulated), POWER_OFF_MS_MAX)) return
  throw new AisError({
    code: 'TIMED_OUT',
    message: `processes of ${present.filter(isPopulated).join(', ')} do not end`,
    hint: 'they wait for a disk of this machine; look at: dmesg | tail, then run the command again',
  })
}

/** Removes the cgroup and what is below it; it has to be empty. */
export function removeCgroup(cgroup: string): void {
  for (const root of cgroupRoots()) removeTree(join(root, cgroup))
}

function removeTree(path: string): void {
  if (!existsSync(path)) return
  for (const entry of readdirSync(path, {withFileTypes: true})) {
    if (entry.isDirectory()) removeTree(join(path, entry.name))
  }
  rmdirSync(path)
}

function event(cgroup: string, key: string): string | undefined {
  const file = join(unifiedRoot(), cgroup, 'cgroup.events')
  if (!existsSync(file)) return undefined
  return new RegExp(`^${key} (\\d)$`, 'm').exec(readFileSync(file, 'utf8'))?.[1]
}
