/**
 * A live cluster of bin/aisnode.js processes with the ids that were recorded: 3 proxies, 4 targets,
 * two mountpaths each, on free ports of the loopback. Placement depends on ids and paths alone, so
 * objects land on the targets that the recordings name.
 */

import {spawn, type ChildProcess} from 'node:child_process'
import {randomBytes} from 'node:crypto'
import {closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {createServer} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {fileURLToPath} from 'node:url'
import {formatNodeFile, type NodeFile} from '../../src/model/config/node-file.ts'

/** Cluster uuid of the recordings. */
const UUID = 'na8a52NmR'
const READY_MS = 60_000
const STOP_MS = 20_000
const POLL_MS = 100
const DAEMON = fileURLToPath(new URL('../../bin/aisnode.js', import.meta.url))

/** One process of the cluster. */
export interface LiveNode {
  readonly id: string
  readonly role: 'proxy' | 'target'
  /** Number in the recordings: 0 to 6. */
  readonly number: number
  readonly ports: {readonly public: number; readonly control: number; readonly data: number}
  readonly url: string
  readonly log: string
  readonly process: ChildProcess
}

/** A running cluster. */
export interface LiveCluster {
  readonly root: string
  readonly nodes: readonly LiveNode[]
  /** Stops every process and removes all files; throws when one did not stop in order. */
  readonly stop: () => Promise<void>
}

type Plan = Omit<LiveNode, 'process'>

/** Starts the cluster and waits until every node answers as part of the whole. */
export async function startCluster(): Promise<LiveCluster> {
  const root = join(tmpdir(), `compat-${randomBytes(4).toString('hex')}`)
  mkdirSync(root, {recursive: true})
  writeFileSync(join(root, 'cluster.key'), `${randomBytes(32).toString('hex')}\n`, {mode: 0o600})
  const plans = await planNodes(root)
  const nodes = plans.map((plan) => ({...plan, process: startNode(root, plan, plans)}))
  const cluster = {root, nodes, stop: () => stopCluster(root, nodes)}
  try {
    await waitUntilWhole(nodes)
  } catch (error) {
    const logs = nodes.map((node) => `--- ${node.id}\n${tailOf(node.log)}`).join('\n')
    await cluster.stop().catch(() => undefined)
    throw new Error(`the cluster did not become whole:\n${logs}`, {cause: error})
  }
  return cluster
}

/** The last lines of a log, for a failure's message. */
export function tailOf(path: string): string {
  return readFileSync(path, 'utf8').split('\n').slice(-15).join('\n')
}

async function planNodes(root: string): Promise<readonly Plan[]> {
  const ports = await freePorts(21)
  return Array.from({length: 7}, (_, number) => {
    const role = number < 3 ? 'proxy' : 'target'
    const [open = 0, control = 0, data = 0] = ports.slice(number * 3, number * 3 + 3)
    const id = `${role === 'proxy' ? 'p' : 't'}node000${number}`
    return {
      id,
      role,
      number,
      ports: {public: open, control, data: role === 'proxy' ? control : data},
      url: `http://127.0.0.1:${open}`,
      log: join(root, `${id}.log`),
    }
  })
}

/** Ports that nobody listens on now; held open together so that they differ. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({length: count}, async () => {
      const server = createServer()
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve)
      })
      return server
    }),
  )
  const ports = servers.map((server) => (server.address() as {port: number}).port)
  await Promise.all(
    servers.map(
      (server) =>
        new Promise((resolve) => {
          server.close(resolve)
        }),
    ),
  )
  return ports
}

function startNode(root: string, plan: Plan, all: readonly Plan[]): ChildProcess {
  const at = (port: number): string => `127.0.0.1:${port}`
  const base = join(root, 'ais', String(plan.number))
  const mountpaths = ['mp0', 'mp1'].map((name, index) => ({
    path: join(base, name),
    label: `lbl${index}`,
  }))
  if (plan.role === 'target') for (const {path} of mountpaths) mkdirSync(path, {recursive: true})
  const file: NodeFile = {
    format: 1,
    role: plan.role,
    id: plan.id,
    uuid: UUID,
    ...(plan.number === 0 ? {bootstrap: true} : {}),
    state: join(base, 'conf'),
    listen: {
      public: at(plan.ports.public),
      control: at(plan.ports.control),
      data: at(plan.ports.data),
    },
    peers: all.map((one) => at(one.ports.control)),
    ...(plan.role === 'target' ? {mountpaths} : {}),
    clusterKeyFile: join(root, 'cluster.key'),
    allowSharedFilesystem: true,
  }
  mkdirSync(file.state, {recursive: true})
  const config = join(root, `${plan.id}.json`)
  writeFileSync(config, formatNodeFile(file))
  const log = openSync(plan.log, 'a')
  // The test runner's loader must not reach the daemon: it travels in NODE_OPTIONS.
  const child = spawn('sh', ['-c', 'NODE_OPTIONS= exec "$0" "$@"', DAEMON, '--config', config], {
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  return child
}

async function waitUntilWhole(nodes: readonly LiveNode[]): Promise<void> {
  const deadline = Date.now() + READY_MS
  for (;;) {
    const whole = await Promise.all(nodes.map((node) => seesAll(node, nodes.length)))
    if (whole.every(Boolean)) return
    if (Date.now() > deadline) throw new Error(`not whole after ${READY_MS} ms`)
    const gone = nodes.find(({process}) => process.exitCode !== null)
    if (gone !== undefined) throw new Error(`${gone.id} ended with ${gone.process.exitCode}`)
    await sleep(POLL_MS)
  }
}

/** Whether the node has started and sees every node as a full member. */
async function seesAll(node: LiveNode, count: number): Promise<boolean> {
  try {
    const health = await fetch(`${node.url}/v1/health?readiness=true`)
    await health.arrayBuffer()
    if (health.status !== 200) return false
    const response = await fetch(`${node.url}/v1/daemon?what=smap`)
    if (response.status !== 200) return false
    const smap = (await response.json()) as {ext?: object; pmap: object; tmap: object}
    const members = Object.keys(smap.pmap).length + Object.keys(smap.tmap).length
    return members === count && smap.ext === undefined
  } catch {
    return false
  }
}

async function stopCluster(root: string, nodes: readonly LiveNode[]): Promise<void> {
  const ends = nodes.map(({id, process}) => stopNode(id, process))
  const outcomes = await Promise.all(ends)
  rmSync(root, {recursive: true, force: true})
  const bad = outcomes.filter((outcome) => outcome !== undefined)
  if (bad.length > 0) throw new Error(bad.join('; '))
}

async function stopNode(id: string, child: ChildProcess): Promise<string | undefined> {
  const ended = new Promise<number | null>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode)
    else child.once('exit', (status) => resolve(status))
  })
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  const status = await ended
  clearTimeout(timer)
  return status === 0 ? undefined : `${id} ended with status ${status}`
}
