/**
 * One host while its power is off: its system disk, its identity, its data disks. Everything that
 * has to survive lies on the images; what is mounted here is put together anew at each power-on.
 */

import {randomBytes} from 'node:crypto'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import {dirname, join} from 'node:path'
import {AisError} from 'aisctl/kit'
import {baseTree} from './base-image.ts'
import {isMounted, mountImage, unmountAll} from './filesystems.ts'
import {HOSTS_MAX} from './limits.ts'
import type {HostPaths} from './names.ts'
import {
  diskImage,
  diskPath,
  hostAddress,
  hostName,
  hostPaths,
  keyFile,
  knownHostsFile,
} from './names.ts'
import {run} from './run.ts'
import {hostOf, type LabState} from './state.ts'

/** The users that log in with the lab's key. */
const LOGINS = [
  {home: 'root', uid: 0},
  {home: 'home/ops', uid: 1000},
  {home: 'home/admin', uid: 1001},
] as const

/** Mounts what the host needs to boot; makes its system disk and identity the first time. */
export async function prepareHost(lab: LabState, number: number): Promise<void> {
  const paths = hostPaths(lab, number)
  mkdirSync(paths.disks, {recursive: true})
  mkdirSync(paths.root, {recursive: true})
  // A filesystem of its own, so that a power cut can lose what was not synced.
  await mountImage(paths.systemImage, paths.system, lab.systemBytes)
  await mountRoot(lab, paths)
  if (!existsSync(join(paths.system, 'prepared'))) await giveIdentity(lab, number, paths)
  await mountDisks(lab, number)
}

/** Mounts every data disk of the host that is not away. */
export async function mountDisks(lab: LabState, number: number): Promise<void> {
  for (const disk of presentDisks(lab, number)) {
    await mountImage(diskImage(lab, number, disk), diskPath(lab, number, disk), lab.diskBytes)
  }
}

/** Unmounts everything of the host, in use or not. */
export async function releaseHost(lab: LabState, number: number): Promise<void> {
  await unmountAll(hostMounts(lab, number))
}

/** Filesystems that a power cut takes away: the system disk and the data disks. */
export function hostFilesystems(lab: LabState, number: number): string[] {
  const disks = allDisks(lab, number).map((disk) => diskPath(lab, number, disk))
  return [hostPaths(lab, number).system, ...disks].filter(isMounted)
}

/** Public host key, as `ssh-ed25519 AAAA…`; undefined before the host was first prepared. */
export function hostKey(lab: LabState, number: number): string | undefined {
  const file = knownHostsFile(lab)
  if (!existsSync(file)) return undefined
  const address = hostAddress(lab, number)
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find((one) => one.startsWith(`${address} `))
  return line?.slice(address.length + 1)
}

function allDisks(lab: LabState, number: number): number[] {
  return Array.from({length: hostOf(lab, number).disks}, (_, index) => index + 1)
}

function presentDisks(lab: LabState, number: number): number[] {
  const {away} = hostOf(lab, number)
  return allDisks(lab, number).filter((disk) => !away.includes(disk))
}

function hostMounts(lab: LabState, number: number): string[] {
  const paths = hostPaths(lab, number)
  const disks = allDisks(lab, number).map((disk) => diskPath(lab, number, disk))
  return [...disks, paths.root, paths.system]
}

async function mountRoot(lab: LabState, paths: HostPaths): Promise<void> {
  if (isMounted(paths.root)) return
  const [upper, work] = [join(paths.system, 'upper'), join(paths.system, 'work')]
  mkdirSync(upper, {recursive: true})
  mkdirSync(work, {recursive: true})
  const lower = baseTree(dirname(lab.directory), lab.base)
  if (!existsSync(lower)) {
    throw new AisError({
      code: 'REFUSED',
      message: `the base image that lab ${lab.name} stands on is gone: ${lower}`,
      hint: `make the lab anew: aisctl lab down --name ${lab.name}, then up`,
    })
  }
  const layers = `lowerdir=${lower},upperdir=${upper},workdir=${work}`
  await run(['mount', '-t', 'overlay', 'overlay', '-o', layers, paths.root])
}

async function giveIdentity(lab: LabState, number: number, paths: HostPaths): Promise<void> {
  const etc = join(paths.root, 'etc')
  writeFileSync(join(etc, 'hostname'), `${hostName(number)}\n`)
  writeFileSync(join(etc, 'machine-id'), `${randomBytes(16).toString('hex')}\n`)
  writeFileSync(join(etc, 'hosts'), hostsFile(lab))
  writeFileSync(
    join(etc, 'systemd/network/10-host0.network'),
    [
      '[Match]',
      'Name=host0',
      '[Network]',
      `Address=${hostAddress(lab, number)}/24`,
      'LinkLocalAddressing=no',
      '',
    ].join('\n'),
  )
  await makeHostKey(lab, number, join(etc, 'ssh/ssh_host_ed25519_key'))
  const authorized = readFileSync(`${keyFile(lab)}.pub`)
  for (const {home, uid} of LOGINS) authorize(join(paths.root, home), uid, authorized)
  await run(['sync', '--file-system', paths.system])
  writeFileSync(join(paths.system, 'prepared'), '')
}

async function makeHostKey(lab: LabState, number: number, file: string): Promise<void> {
  const comment = hostName(number)
  if (!existsSync(file)) {
    await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', file])
  }
  const [type = '', key = ''] = readFileSync(`${file}.pub`, 'utf8').split(' ')
  if (hostKey(lab, number) === `${type} ${key}`) return
  appendFileSync(knownHostsFile(lab), `${hostAddress(lab, number)} ${type} ${key}\n`)
}

function hostsFile(lab: LabState): string {
  const lines = Array.from(
    {length: HOSTS_MAX},
    (_, index) => `${hostAddress(lab, index + 1)} ${hostName(index + 1)}`,
  )
  return ['127.0.0.1 localhost', ...lines, ''].join('\n')
}

function authorize(home: string, uid: number, keys: Uint8Array): void {
  const folder = join(home, '.ssh')
  const file = join(folder, 'authorized_keys')
  mkdirSync(folder, {recursive: true})
  writeFileSync(file, keys)
  chmodSync(folder, 0o700)
  chmodSync(file, 0o600)
  chownSync(folder, uid, uid)
  chownSync(file, uid, uid)
}
