/** A cluster deployed on lab hosts, and what the cases do with it. */

import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {fileURLToPath} from 'node:url'
import {parse} from 'yaml'
import {insideNetwork} from '../../../plugins/lab/src/lab/network.ts'
import {attempt, run, type RunResult} from '../../../plugins/lab/src/lab/run.ts'
import {topologyFile} from '../../../plugins/lab/src/lab/names.ts'
import {readFileSync} from 'node:fs'
import {aisctlInside, type LabUnderTest, onHost, stateOf} from '../lab-under-test.ts'
import type {Maps, Verdict, WorkerOrder, Written} from './orders.ts'

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url))
const WORKER_TIMEOUT_MS = 900_000
/** Beyond this a started cluster is not "ready" any more (scenario 8). */
export const READY_MS_MAX = 90_000
const GATEWAY_PORT = 51080
const PORT_STEP = 10

export interface NodePlace {
  readonly host: number
  readonly id: string
  readonly instance: string
  readonly role: 'proxy' | 'target'
  readonly mountpaths: readonly string[]
}

export interface Cluster {
  readonly under: LabUnderTest
  readonly topology: string
  readonly uuid: string
  readonly nodes: readonly NodePlace[]
  /** `host:port` of each gateway. */
  readonly gateways: readonly string[]
  /** Journal of everything that was ever acknowledged. */
  readonly journal: string
}

/** Reads the lab's topology file; nothing is deployed by it. */
export function clusterOf(under: LabUnderTest): Cluster {
  const state = stateOf(under)
  const file = topologyFile(state)
  const topology = parse(readFileSync(file, 'utf8')) as TopologyShape
  const nodes = topology.hosts.flatMap((host) =>
    host.nodes.map((node) => ({
      host: Number(host.name.slice(1)),
      id: node.id,
      instance: node.instance,
      role: node.role,
      mountpaths: (node.mountpaths ?? []).map(({path}) => path),
    })),
  )
  const addresses = new Map(topology.hosts.map((host) => [host.name, host.address]))
  const gateways = nodes
    .filter(({role}) => role === 'proxy')
    .map(({host, instance}) => {
      const number = Number(instance.split('-')[1] ?? 1) - 1
      return `${addresses.get(`h${host}`)}:${GATEWAY_PORT + PORT_STEP * number}`
    })
  return {
    under,
    topology: file,
    uuid: topology.cluster.uuid,
    nodes,
    gateways,
    journal: join(state.directory, 'acknowledged.ndjson'),
  }
}

interface TopologyShape {
  readonly cluster: {readonly uuid: string}
  readonly hosts: readonly {
    readonly name: string
    readonly address: string
    readonly nodes: readonly {
      readonly role: 'proxy' | 'target'
      readonly instance: string
      readonly id: string
      readonly mountpaths?: readonly {readonly path: string}[]
    }[]
  }[]
}

/** `aisctl` from inside the lab, against this cluster's topology. */
export function operate(cluster: Cluster, ...words: string[]): Promise<RunResult> {
  return aisctlInside(cluster.under, ...words)
}

/** `aisctl deploy --json`, parsed. */
export async function deploy(cluster: Cluster): Promise<DeployShape> {
  const {status, stdout, stderr} = await operate(
    cluster,
    'deploy',
    '--file',
    cluster.topology,
    '--json',
  )
  if (status !== 0) throw new Error(`deploy ended with ${status}: ${stderr}${stdout}`)
  return JSON.parse(stdout) as DeployShape
}

export interface DeployShape {
  readonly reports: readonly {readonly host: string; readonly changed: number}[]
  readonly restarted: readonly string[]
}

/** Waits until every gateway shows the same full map, nobody away; the maps as last seen. */
export async function settled(cluster: Cluster, timeoutMs = READY_MS_MAX): Promise<Maps> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const maps = await work<Maps>(cluster, {do: 'maps', gateways: cluster.gateways})
    if (isWell(cluster, maps) || performance.now() > deadline) return maps
    await sleep(200)
  }
}

/** Whether all gateways answered with one full map. */
export function isWell(cluster: Cluster, maps: Maps): boolean {
  return (
    maps.length === cluster.gateways.length &&
    new Set(maps.map(({version}) => version)).size === 1 &&
    maps.every(({uuid, nodes, away}) => {
      const complete = nodes.length === cluster.nodes.length && away.length === 0
      return complete && uuid === cluster.uuid
    })
  )
}

/** Writes objects through all gateways in turn, until so many are acknowledged. */
export function write(cluster: Cluster, options: WriteOptions): Promise<Written> {
  return work<Written>(cluster, writeOrder(cluster, options))
}

export interface WriteOptions {
  readonly prefix: string
  readonly count: number
  readonly bytesMax: number
  readonly forMs: number
}

/** Starts writing and returns at once; `stop` ends the writer and waits for it. */
export function startWriting(cluster: Cluster, options: WriteOptions): {stop(): Promise<void>} {
  const [file = '', ...words] = workerCommand(cluster, writeOrder(cluster, options))
  const child = spawn(file, words, {stdio: 'ignore'})
  const ended = once(child, 'exit')
  return {
    async stop() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Reads back all that was ever acknowledged, and compares the list. */
export function verify(cluster: Cluster): Promise<Verdict> {
  const {gateways, journal} = cluster
  const order = {do: 'verify', gateways, bucket: BUCKET, journal} as const
  return work<Verdict>(cluster, {...order, forMs: READY_MS_MAX, list: true})
}

/** Reads back once what can be read while a disk is away. */
export function verifyReachable(cluster: Cluster): Promise<Verdict> {
  const {gateways, journal} = cluster
  const order = {do: 'verify', gateways, bucket: BUCKET, journal} as const
  return work<Verdict>(cluster, {...order, forMs: 0, list: false})
}

/** Bucket of all cases. */
export const BUCKET = 'lab'

/** Numbers of hosts in use, each once. */
export function hostsOf(cluster: Cluster): number[] {
  return [...new Set(cluster.nodes.map(({host}) => host))]
}

/** Runs a script on the host of a node. */
export function onNode(cluster: Cluster, node: NodePlace, script: string): Promise<string> {
  return onHost(cluster.under, node.host, script)
}

/** The unit of a node. */
export function unitOf(node: NodePlace): string {
  return `aisnode@${node.instance}.service`
}

async function work<T>(cluster: Cluster, order: WorkerOrder): Promise<T> {
  const stdout = await run(workerCommand(cluster, order), {timeoutMs: WORKER_TIMEOUT_MS})
  return JSON.parse(stdout) as T
}

function workerCommand(cluster: Cluster, order: WorkerOrder): string[] {
  return insideNetwork(stateOf(cluster.under), [process.execPath, WORKER, JSON.stringify(order)])
}

function writeOrder(cluster: Cluster, options: WriteOptions): WorkerOrder {
  const {gateways, journal} = cluster
  return {do: 'write', gateways, bucket: BUCKET, journal, ...options}
}

/** Ends every node of the cluster at once, as a defect of all would. */
export async function killAllNodes(cluster: Cluster): Promise<void> {
  const kill = 'systemctl kill --signal=SIGKILL "aisnode@*.service"'
  await Promise.all(hostsOf(cluster).map((host) => onHost(cluster.under, host, kill)))
}

/** Whether a tool of the machine is there. */
export async function has(tool: string): Promise<boolean> {
  return (await attempt(['sh', '-c', `command -v ${tool}`])).status === 0
}
