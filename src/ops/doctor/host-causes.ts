/** Causes in a host as a whole: not reached, another clock, another's machine-id, ports that somebody has. Pure. */

import {formatDuration} from '../../base/units.ts'
import {addressesOf, portsOf} from '../topology/resolve.ts'
import {isRunning, nodeCause, seenNodes, type Cause, type Patient, type Seen} from './cause.ts'

/** Beyond, times of logs and objects mislead whoever reads them. */
const CLOCK_ERROR_MS = 30_000

export function hostCauses(patient: Patient): Cause[] {
  return [...lostCauses(patient), ...clockCauses(patient), ...machineCauses(patient)]
}

export function portCauses(patient: Patient): Cause[] {
  return seenNodes(patient).flatMap((seen) =>
    portsOf(seen.node).flatMap((port) => {
      const found = portCause(seen, port)
      return found === undefined ? [] : [found]
    }),
  )
}

function lostCauses({lost}: Patient): Cause[] {
  return [...lost].map(([host, error]) => ({
    id: 'host-unreachable',
    rank: 'host',
    severity: 'error',
    host,
    what: error.message.startsWith(`${host}: `) ? error.message : `${host}: ${error.message}`,
    why: 'nothing can be said about a host that is not reached',
    fix: error.hint ?? 'switch it on, and see to it that ssh reaches it',
  }))
}

function clockCauses({surveys}: Patient): Cause[] {
  const clocks = [...surveys.values()].map(({clock}) => clock)
  const sorted = clocks.toSorted((a, b) => a.offsetMs - b.offsetMs)
  const median = sorted[Math.floor(sorted.length / 2)] ?? {offsetMs: 0, uncertaintyMs: 0}
  return [...surveys].flatMap(([host, {clock}]): Cause[] => {
    const off = clock.offsetMs - median.offsetMs
    if (Math.abs(off) - clock.uncertaintyMs - median.uncertaintyMs < CLOCK_ERROR_MS) return []
    const much = formatDuration(Math.round(Math.abs(off) / 1000) * 1000)
    return [
      {
        id: 'clock',
        rank: 'identity',
        severity: 'error',
        host,
        what: `${host}: its clock is ${much} ${off > 0 ? 'ahead of' : 'behind'} the others`,
        why: 'times of objects and logs contradict each other; credentials expire early or late',
        fix: 'timedatectl set-ntp true (or chrony), then look again',
      },
    ]
  })
}

function machineCauses({topology, surveys}: Patient): Cause[] {
  const hosts = new Map<string, string[]>()
  for (const [host, {machineId}] of surveys) {
    if (machineId !== '') hosts.set(machineId, [...(hosts.get(machineId) ?? []), host])
  }
  return topology.hosts.flatMap(({name: host}): Cause[] => {
    const machineId = surveys.get(host)?.machineId ?? ''
    const [first, ...others] = hosts.get(machineId) ?? []
    // Told once, of the later ones: the first may be the original.
    if (first === undefined || first === host || !others.includes(host)) return []
    return [
      {
        id: 'machine-id',
        rank: 'identity',
        severity: 'error',
        host,
        what: `${host}: it has the machine-id of ${first}`,
        why: 'two names of one machine, or a copied image: logs and leases are told apart by it',
        fix: 'if it is a copy: rm /etc/machine-id; systemd-machine-id-setup; reboot',
      },
    ]
  })
}

function portCause(seen: Seen, port: number): Cause | undefined {
  const {survey, unit, host} = seen
  const listener = survey.ports[String(port)]
  if (listener === undefined) return undefined
  const pid = unit?.properties['MainPID'] ?? '0'
  if (isRunning(unit) || (pid !== '0' && listener.includes(`pid=${pid},`))) return undefined
  const [local = ''] = listener.split(' ')
  const address = local.slice(0, local.lastIndexOf(':')).replace(/^\[|\]$|%.*$/g, '')
  // One port of another address is another port.
  if (!['*', '0.0.0.0', '::'].includes(address) && !addressesOf(host).includes(address))
    return undefined
  const [, name, owner] = /\(\("([^"]+)",pid=(\d+)/.exec(listener) ?? []
  const who = name === undefined ? 'another process' : `${name} (pid ${owner})`
  return nodeCause(seen, 'port', {
    id: 'port',
    what: `port ${port} is in use by ${who}`,
    why: 'the node cannot listen there; it starts again and again',
    fix: `stop that process${owner === undefined ? '' : ` (kill ${owner})`}, or give the node other ports in the topology`,
  })
}
