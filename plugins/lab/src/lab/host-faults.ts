/**
 * Faults of one host that have a name, put in as they happen in life: a wrong file, a foreign
 * process, a full disk. Each can be taken away again. Those of the network and of disks lie outside
 * of the host.
 */

import {existsSync, readdirSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {AisError} from 'aisctl/kit'
import {asset} from './assets.ts'
import {disturbDisk} from './disks.ts'
import {hostName, hostPaths, namespaceName} from './names.ts'
import {addRules, portRules, removeRules} from './partitions.ts'
import {attempt, run} from './run.ts'
import {sshCommand} from './ssh.ts'
import type {LabState} from './state.ts'

/** What each of them does, for people. */
export const HOST_FAULTS = {
  'port-in-use': 'a foreign process listens on the public port of the node',
  'not-mounted': 'disk 1 is pulled: its mount point is a bare directory',
  'wrong-owner': 'disk 1 belongs to root',
  'read-only': 'the filesystem of disk 1 turns read-only',
  'full-disk': 'disk 1 is full',
  'full-var': 'the system disk is full',
  'bad-json': 'a comma is missing in the node file',
  'unknown-key': 'the node file has a key that nobody knows',
  'out-of-range': 'the node file has a value out of its range',
  'no-credential': 'the cluster key is gone',
  'oom': 'the memory of the unit is too small (wants a memory controller)',
  'exec-format': 'Node.js is made for another processor',
  'old-glibc': 'Node.js wants a newer glibc than the host has',
  'clock-off': 'the clock is 90 s ahead for logins and units (wants libfaketime)',
  'machine-id': 'the machine-id is that of the next host',
  'mtu': 'the cable carries 1450 bytes only, and nobody says so',
  'port-filtered': 'control ports of the next host are filtered for this one',
  'wrong-uuid': 'the node file names another cluster',
  'duplicate-id': 'the node file has the id of a node of another host',
  'watchdog': 'the process is stopped again and again',
} as const

export type HostFault = keyof typeof HOST_FAULTS
export const HOST_FAULT_NAMES = Object.keys(HOST_FAULTS) as readonly HostFault[]

/** Status of fault.sh for what this kind of host cannot have. */
const NOT_APPLICABLE = 95
const NARROW_MTU = 1450
const MTU = 1500
/** Of gateways and targets, as topologies have them by default. */
const CONTROL_PORTS = [51_082, 51_084]
const PRELOAD = '/usr/local/lib/faketime.so'
const FAKETIME = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64'].map(
  (folder) => join(folder, 'faketime/libfaketime.so.1'),
)

export async function disturbHost(
  lab: LabState,
  number: number,
  fault: HostFault,
  undo: boolean,
): Promise<LabState> {
  const verb = undo ? 'undo' : 'inject'
  switch (fault) {
    case 'not-mounted':
    case 'read-only': {
      const action = fault === 'read-only' ? 'ro' : 'pull'
      const changed = await disturbDisk(lab, number, 1, undo ? 'heal' : action)
      if (undo) await onHost(lab, number, ['restart', 'undo'])
      return changed
    }
    case 'mtu': {
      const link = ['ip', '-n', namespaceName(lab), 'link', 'set', `vb-${hostName(number)}`]
      await run([...link, 'mtu', String(undo ? MTU : NARROW_MTU)])
      return lab
    }
    case 'port-filtered':
      if (undo) await removeRules(lab)
      else await addRules(lab, portRules(number, nextHost(lab, number), CONTROL_PORTS))
      return lab
    case 'clock-off':
      await disturbClock(lab, number, undo)
      return lab
    case 'machine-id': {
      const other = hostPaths(lab, nextHost(lab, number)).root
      const id = readFileSync(join(other, 'etc/machine-id'), 'utf8').trim()
      await onHost(lab, number, [fault, verb, id])
      return lab
    }
    case 'duplicate-id':
      await onHost(lab, number, [fault, verb, idOfAnother(lab, number)])
      return lab
    default:
      await onHost(lab, number, [fault, verb])
      return lab
  }
}

async function onHost(lab: LabState, number: number, words: readonly string[]): Promise<void> {
  const input = readFileSync(asset('fault.sh'), 'utf8')
  const command = sshCommand(lab, number, ['sh', '-s', '--', ...words])
  const {status, stderr} = await attempt(command, {input})
  if (status === 0) return
  const reason = stderr.trim().split('\n').at(-1) ?? ''
  throw new AisError({
    code: status === NOT_APPLICABLE ? 'REFUSED' : 'HOST_COMMAND',
    message: `${hostName(number)}: ${words.join(' ')}: ${reason}`,
    hint:
      status === NOT_APPLICABLE
        ? 'it wants a machine with a kernel of its own'
        : 'look: aisctl lab ssh',
  })
}

function nextHost(lab: LabState, number: number): number {
  const numbers = lab.hosts.map((host) => host.number)
  return numbers[(numbers.indexOf(number) + 1) % numbers.length] ?? number
}

/** The id of a node of the same role on another host, else of any. */
function idOfAnother(lab: LabState, number: number): string {
  const files = lab.hosts
    .filter((host) => host.number !== number)
    .flatMap((host) => nodeFilesOf(lab, host.number))
  const [own] = nodeFilesOf(lab, number)
  const twin = files.find(({role}) => role === own?.role) ?? files[0]
  if (twin !== undefined) return twin.id
  throw new AisError({
    code: 'REFUSED',
    message: `lab ${lab.name} has no other node`,
    hint: 'deploy its topology first: aisctl lab ns aisctl deploy',
  })
}

interface NodeFacts {
  readonly id: string
  readonly role: string
}

function nodeFilesOf(lab: LabState, number: number): NodeFacts[] {
  const folder = join(hostPaths(lab, number).root, 'etc/aisnode')
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as NodeFacts)
}

/**
 * Hosts share the machine's clock; what new processes of one of them are told can differ: those of
 * logins, and units that are started. sshd itself is left alone: its sandbox ends what it does not
 * know.
 */
async function disturbClock(lab: LabState, number: number, undo: boolean): Promise<void> {
  if (!undo) {
    const library = FAKETIME.find((file) => existsSync(file))
    if (library === undefined) {
      throw new AisError({
        code: 'REFUSED',
        message: 'clock-off: libfaketime is not on this machine',
        hint: 'apt-get install libfaketime',
      })
    }
    const bytes = readFileSync(library).toString('base64')
    const command = sshCommand(lab, number, [`base64 -d >${PRELOAD} && chmod 0755 ${PRELOAD}`])
    await run(command, {input: bytes})
  }
  await onHost(lab, number, ['clock-off', undo ? 'undo' : 'inject', PRELOAD])
}
