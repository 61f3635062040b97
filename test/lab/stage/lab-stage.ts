/**
 * The stage of real hosts. Plays inside the lab's network, with the lab's own functions: a fault is
 * one write or one short command, so that its moment is known to some milliseconds.
 */

import {existsSync, readdirSync, readFileSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {setFrozen, unifiedRoot} from '../../../plugins/lab/src/lab/cgroups.ts'
import {disturbDisk} from '../../../plugins/lab/src/lab/disks.ts'
import {startDelay} from '../../../plugins/lab/src/lab/delay.ts'
import {heal} from '../../../plugins/lab/src/lab/faults.ts'
import {hostCgroup, hostPaths, topologyFile} from '../../../plugins/lab/src/lab/names.ts'
import {
  addRules,
  cutRules,
  oneWayRules,
  splitRules,
} from '../../../plugins/lab/src/lab/partitions.ts'
import {powerOff, powerOn} from '../../../plugins/lab/src/lab/power.ts'
import {processRef, signalProcess} from '../../../plugins/lab/src/lab/processes.ts'
import {openLab} from '../../../plugins/lab/src/lab/registry.ts'
import {attempt, type RunResult} from '../../../plugins/lab/src/lab/run.ts'
import type {LabState} from '../../../plugins/lab/src/lab/state.ts'
import {readTopology} from '../../../src/ops/topology/read.ts'
import {nodesOf as nodesOfTopology, resolveTopology} from '../../../src/ops/topology/resolve.ts'
import {nowMs} from './http.ts'
import type {HostFaults, Stage, StageNode} from './stage.ts'

const COMMAND_MS_MAX = 90_000

/** The cluster that the lab's topology names; it has to be deployed. */
export function labStage(name: string, directory: string): Stage {
  const lab = openLab(name, directory)
  const nodes = placesOf(lab)
  const timed = async (act: () => Promise<unknown>): Promise<number> => {
    const atMs = nowMs()
    await act()
    return atMs
  }
  const freezing = (some: readonly StageNode[], frozen: boolean): Promise<number> =>
    timed(() =>
      setFrozen(
        some.map((node) => groupOf(lab, node) ?? '').filter((group) => group !== ''),
        frozen,
      ),
    )
  return {
    uuid: lab.clusterUuid,
    nodes,
    async kill(some) {
      const processes = some.flatMap((node) => processesOf(lab, node))
      const atMs = nowMs()
      for (const ref of processes) signalProcess(ref, 'SIGKILL')
      return atMs
    },
    async stop(node) {
      const atMs = nowMs()
      const show = `systemctl show -P Result -P ExecMainStatus ${unitOf(node)}`
      const {stdout} = await onHost(lab, node.host, `systemctl stop ${unitOf(node)}; ${show}`)
      return {atMs, status: stdout.trim().split('\n').join(' ')}
    },
    async start(some) {
      await Promise.all(
        some.map((node) => {
          const start = `systemctl reset-failed ${unitOf(node)}; systemctl start --no-block`
          return onHost(lab, node.host, `${start} ${unitOf(node)}`)
        }),
      )
    },
    freeze: (some) => freezing(some, true),
    thaw: (some) => freezing(some, false),
    processOf(node) {
      const [main] = processesOf(lab, node)
      return main === undefined ? '' : `${main.pid} ${main.startTicks}`
    },
    async logOf(node, lines) {
      const journal = `journalctl --no-pager -o cat -n ${lines} -u ${unitOf(node)}`
      return (await onHost(lab, node.host, journal)).stdout
    },
    hosts: hostFaults(lab, timed),
  }
}

function hostFaults(
  lab: LabState,
  timed: (act: () => Promise<unknown>) => Promise<number>,
): HostFaults {
  const cgroups = (hosts: readonly number[]): string[] => hosts.map((host) => hostCgroup(lab, host))
  return {
    powerOff: (hosts) => timed(() => powerOff(lab, hosts)),
    powerOn: (hosts) => powerOn(lab, hosts),
    freeze: (hosts) => timed(() => setFrozen(cgroups(hosts), true)),
    thaw: (hosts) => timed(() => setFrozen(cgroups(hosts), false)),
    cut: (hosts) => timed(() => addRules(lab, cutRules(hosts))),
    split: (groups) => timed(() => addRules(lab, splitRules(groups))),
    oneWay: (pairs) =>
      timed(() =>
        addRules(
          lab,
          pairs.flatMap(([from, to]) => oneWayRules(from, to)),
        ),
      ),
    async disk(host, disk, what) {
      await disturbDisk(openLab(lab.name, dirname(lab.directory)), host, disk, what)
    },
    heal: () => timed(() => heal(lab, false)),
    async delay(hosts, delay) {
      await Promise.all(hosts.map((host) => startDelay(lab, host, delay)))
    },
    async run(host, script) {
      const {status, stdout, stderr} = await onHost(lab, host, script)
      return status === 0 || stdout !== '' ? stdout.trim() : `status ${status}: ${stderr}`
    },
    inside: (host, argv) => ['nsenter', `--net=/proc/${initOf(lab, host)}/ns/net`, '--', ...argv],
  }
}

function unitOf({instance}: StageNode): string {
  return `aisnode@${instance}.service`
}

function placesOf(lab: LabState): readonly StageNode[] {
  const file = topologyFile(lab)
  const topology = resolveTopology(readTopology(readFileSync(file, 'utf8'), file), lab.clusterUuid)
  const addresses = new Map(topology.hosts.map(({name, address}) => [name, address]))
  return nodesOfTopology(topology).map(({id, role, host, instance, ports}) => ({
    id,
    role,
    host: Number(host.slice(1)),
    instance,
    endpoint: `${addresses.get(host)}:${ports.public}`,
    control: `${addresses.get(host)}:${ports.control}`,
  }))
}

/** A script on the host, through its namespaces: quicker than a login, and it needs no network. */
function onHost(lab: LabState, host: number, script: string): Promise<RunResult> {
  const enter = ['nsenter', '--target', String(initOf(lab, host))]
  const spaces = ['--mount', '--uts', '--ipc', '--net', '--pid']
  const argv = [...enter, ...spaces, '--', 'bash', '-c', script]
  return attempt(argv, {timeoutMs: COMMAND_MS_MAX})
}

/** The process that is number 1 inside the host. */
function initOf(lab: LabState, host: number): number {
  const waiting = [Number(readFileSync(hostPaths(lab, host).nspawn, 'utf8'))]
  for (const pid of waiting) {
    if (/^NSpid:\t\d+\t1$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) return pid
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    waiting.push(...children.trim().split(' ').filter(Boolean).map(Number))
  }
  throw new Error(`h${host} has no first process: is it on?`)
}

/** Processes of the node's unit, the oldest first. */
function processesOf(lab: LabState, node: StageNode): NonNullable<ReturnType<typeof processRef>>[] {
  const group = groupOf(lab, node)
  if (group === undefined) return []
  const file = join(unifiedRoot(), group, 'cgroup.procs')
  const pids = readFileSync(file, 'utf8').split('\n').filter(Boolean)
  return pids
    .map((pid) => processRef(Number(pid)))
    .filter((ref) => ref !== undefined)
    .toSorted((a, b) => Number(a.startTicks) - Number(b.startTicks))
}

/** The cgroup of the node's unit, relative to the hierarchy's root; undefined when there is none. */
function groupOf(lab: LabState, node: StageNode): string | undefined {
  const found = findGroup(join(unifiedRoot(), hostCgroup(lab, node.host)), unitOf(node))
  return found?.slice(unifiedRoot().length + 1)
}

function findGroup(root: string, unit: string): string | undefined {
  if (!existsSync(root)) return undefined
  for (const entry of readdirSync(root, {withFileTypes: true})) {
    if (!entry.isDirectory()) continue
    const path = join(root, entry.name)
    if (entry.name === unit) return path
    const below = findGroup(path, unit)
    if (below !== undefined) return below
  }
  return undefined
}
