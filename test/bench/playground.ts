/**
 * A playground for measurements, driven through the shipped tool: bin/aisctl.js and nothing inside
 * it. Its files are in a directory of the run, which goes with it; on the same filesystem as the
 * repository, so that disks are compared with themselves.
 */

import {execFile, spawnSync} from 'node:child_process'
import {mkdirSync, mkdtempSync, rmSync} from 'node:fs'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {fileURLToPath} from 'node:url'
import {promisify} from 'node:util'
import {createClient, type Client} from './http-client.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
export const AISCTL = join(ROOT, 'bin/aisctl.js')
export const AISNODE = join(ROOT, 'bin/aisnode.js')

const execute = promisify(execFile)
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024
/** Removing a million objects takes minutes. */
const COMMAND_TIMEOUT_MS = 900_000
const NAME = 'bench'

export interface PlaygroundNode {
  readonly id: string
  readonly role: 'proxy' | 'target'
  readonly instance: string
  readonly ports: {readonly public: number; readonly control: number; readonly data: number}
}

export interface Playground {
  /** host:port of each gateway. */
  readonly gateways: readonly string[]
  readonly nodes: readonly PlaygroundNode[]
  readonly uuid: string
  /** Directory of the run; the playground is in `data/playground/bench` below it. */
  readonly directory: string
  /** From calling the command to its return. */
  readonly upMs: number
  aisctl(args: readonly string[]): Promise<string>
  pids(): Promise<readonly {readonly id: string; readonly role: string; readonly pid: number}[]>
  down(): Promise<void>
}

/** A directory for measurements, on the repository's own filesystem, not on tmpfs. */
export function workDirectory(): string {
  const parent = join(ROOT, 'node_modules/.cache/bench')
  mkdirSync(parent, {recursive: true})
  spreadOut(parent)
  return mkdtempSync(join(parent, 'run-'))
}

/**
 * ext4 without a journal passes over inodes that were freed within the last minutes, one by one:
 * beside what the run before has removed a new file costs ten times as much. Folders below this one
 * are put into other groups of the disk. Where that cannot be said, a run just after another is
 * slower.
 */
function spreadOut(folder: string): void {
  spawnSync('chattr', ['+T', folder], {stdio: 'ignore'})
}

/** The directory of one node of the playground. */
export function nodeDirectory(playground: Playground, instance: string): string {
  return join(playground.directory, 'data/playground', NAME, instance)
}

/** Starts one, waits until the command says that it serves. */
export async function startPlayground(proxies: number, targets: number): Promise<Playground> {
  const directory = workDirectory()
  const env = {...process.env, AISCTL_STATE_DIR: directory}
  const aisctl = async (args: readonly string[]): Promise<string> => {
    const options = {env, maxBuffer: OUTPUT_BYTES_MAX, timeout: COMMAND_TIMEOUT_MS}
    const {stdout} = await execute(process.execPath, [AISCTL, ...args], options)
    return stdout
  }
  const size = ['--proxies', String(proxies), '--targets', String(targets)]
  const startMs = performance.now()
  const text = await aisctl(['playground', 'up', '--name', NAME, ...size, '--json'])
  const upMs = performance.now() - startMs
  const {endpoints, nodes, uuid} = JSON.parse(text) as {
    endpoints: string[]
    nodes: PlaygroundNode[]
    uuid: string
  }
  return {
    gateways: endpoints.map((url) => new URL(url).host),
    nodes,
    uuid,
    directory,
    upMs,
    aisctl,
    async pids() {
      const status = await aisctl(['playground', 'status', '--name', NAME, '--json'])
      const {playgrounds} = JSON.parse(status) as {
        playgrounds: {nodes: {id: string; role: string; pid: number | null}[]}[]
      }
      const all = playgrounds.flatMap((playground) => playground.nodes)
      return all.flatMap(({id, role, pid}) => (pid === null ? [] : [{id, role, pid}]))
    },
    async down() {
      await aisctl(['playground', 'down', '--name', NAME])
      rmSync(directory, {recursive: true, force: true})
    },
  }
}

/** Starts what does not run of a playground that exists; returns how long the command took. */
export async function restartPlayground(playground: Playground): Promise<number> {
  const startMs = performance.now()
  await playground.aisctl(['playground', 'up', '--name', NAME, '--json'])
  return performance.now() - startMs
}

/**
 * A bucket that takes objects: after its creation a target may answer 503 until it may own them.
 */
export async function makeBucket(
  playground: Playground,
  name: string,
  durability: 'durable' | 'relaxed' = 'durable',
): Promise<void> {
  const cluster = ['--cluster', `http://${playground.gateways[0]}`]
  await playground.aisctl(['bucket', 'create', `ais://${name}`, ...cluster])
  if (durability === 'relaxed') {
    const set = ['bucket', 'props', 'set', `ais://${name}`, 'durability=relaxed']
    await playground.aisctl([...set, ...cluster])
  }
  const client = createClient()
  try {
    for (let tries = 0; tries < READY_TRIES; tries += 1) {
      if (await takesObjects(client, playground, name)) return
      await sleep(READY_PAUSE_MS)
    }
    throw new Error(`bucket ${name} takes no objects`)
  } finally {
    client.close()
  }
}

const READY_TRIES = 200
const READY_PAUSE_MS = 50
/** So many names reach every target. */
const PROBES = 32

async function takesObjects(
  client: Client,
  playground: Playground,
  name: string,
): Promise<boolean> {
  for (let number = 0; number < PROBES; number += 1) {
    const endpoint = playground.gateways[number % playground.gateways.length] ?? ''
    const path = `/v1/objects/${name}/probe-${number}?provider=ais`
    const put = await client.ask(endpoint, {method: 'PUT', path, body: new Uint8Array(1)})
    if (put.status !== 200) return false
    const removed = await client.ask(endpoint, {method: 'DELETE', path})
    if (removed.status >= 300) return false
  }
  return true
}
