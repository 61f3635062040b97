/**
 * `npm run bench -- start`: how long until a cluster serves, after a start, a join and the death of
 * every process; and how long the tool takes to say a word. Orientation: the reference needs 19.6
 * s,
 * 1.1 s and 35 s for the first three.
 */

import {spawn, spawnSync} from 'node:child_process'
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {createClient, type Client} from './http-client.ts'
import {
  AISCTL,
  AISNODE,
  nodeDirectory,
  restartPlayground,
  startPlayground,
  type Playground,
} from './playground.ts'
import {judge, type Row} from './row.ts'

const PROXIES = 3
const TARGETS = 4
const CLI_ROUNDS = 15
const POLL_MS = 5
const PATIENCE_MS = 60_000

/** All rows of this benchmark. */
export async function benchStart(): Promise<readonly Row[]> {
  const playground = await startPlayground(PROXIES, TARGETS)
  try {
    const joined = await timeOfNewTarget(playground)
    const back = await timeAfterAllKilled(playground)
    return [
      judge({
        metric: `playground of ${PROXIES}p+${TARGETS}t to ready`,
        unit: 's',
        value: playground.upMs / 1000,
        n: 1,
        goal: 'value<=3',
      }),
      judge({
        metric: 'new target started, in the map',
        unit: 's',
        value: joined.mapMs / 1000,
        n: 1,
      }),
      judge({
        metric: 'new target started, in the map and serving',
        unit: 's',
        value: joined.servingMs / 1000,
        n: 1,
        goal: 'value<=1',
      }),
      judge({
        metric: 'all killed, started again, all on the full map',
        unit: 's',
        value: back / 1000,
        n: 1,
        goal: 'value<=5',
      }),
      ...timeOfWords(),
    ]
  } finally {
    await playground.down()
  }
}

interface Joined {
  readonly mapMs: number
  readonly servingMs: number
}

/** A target that the playground does not know: its own directory, the cluster's uuid and key. */
async function timeOfNewTarget(playground: Playground): Promise<Joined> {
  const model = playground.nodes.find(({role}) => role === 'target')
  if (model === undefined) throw new Error('a playground without targets')
  const directory = join(playground.directory, 'new-target')
  const ports = Math.max(...playground.nodes.flatMap((node) => Object.values(node.ports))) + 10
  const path = join(nodeDirectory(playground, model.instance), 'node.json')
  const file = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
  const id = `Newt${ports}`
  for (const name of ['mp1', 'mp2']) mkdirSync(join(directory, name), {recursive: true})
  const own = {
    ...file,
    id,
    state: join(directory, 'state'),
    listen: {
      public: `127.0.0.1:${ports}`,
      control: `127.0.0.1:${ports + 1}`,
      data: `127.0.0.1:${ports + 2}`,
    },
    mountpaths: ['mp1', 'mp2'].map((name) => ({path: join(directory, name), label: name})),
  }
  writeFileSync(join(directory, 'node.json'), JSON.stringify(own))
  await playground.aisctl(['bucket', 'create', 'ais://start', '--cluster', gatewayUrl(playground)])
  const client = createClient()
  const startMs = performance.now()
  const child = spawn(process.execPath, [AISNODE, '--config', join(directory, 'node.json')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  try {
    await until(async () => (await targetsOf(client, playground.gateways[0] ?? '')).includes(id))
    const mapMs = performance.now() - startMs
    await until(() => serves(client, playground, id))
    return {mapMs, servingMs: performance.now() - startMs}
  } finally {
    client.close()
    child.kill('SIGKILL')
  }
}

/** Some object lands on the new target and is read back through another gateway. */
async function serves(client: Client, playground: Playground, id: string): Promise<boolean> {
  const [first = '', second = first] = playground.gateways
  for (let number = 0; number < 64; number += 1) {
    const path = `/v1/objects/start/probe-${number}?provider=ais`
    const put = await client.ask(first, {method: 'PUT', path, body: new Uint8Array([number])})
    const got = await client.ask(second, {method: 'GET', path})
    if (put.status !== 200 || got.status !== 200) return false
    if (await ownedBy(second, path, id)) return true
  }
  return false
}

/** Whether the gateway redirects this object to the node of that id (`pid` names the gateway). */
async function ownedBy(gateway: string, path: string, id: string): Promise<boolean> {
  const response = await fetch(`http://${gateway}${path}`, {redirect: 'manual'})
  await response.arrayBuffer()
  const port = new URL(response.headers.get('location') ?? 'http://none:1').port
  return id.endsWith(port)
}

/** SIGKILL for all at once, then one command; every node answers with the full map. */
async function timeAfterAllKilled(playground: Playground): Promise<number> {
  for (const {pid} of await playground.pids()) process.kill(pid, 'SIGKILL')
  await sleep(100)
  const startMs = performance.now()
  await restartPlayground(playground)
  const client = createClient()
  const ids = playground.nodes.filter(({role}) => role === 'target').map((node) => node.id)
  try {
    for (const node of playground.nodes) {
      const endpoint = `127.0.0.1:${node.ports.public}`
      await until(async () => {
        const seen = await targetsOf(client, endpoint)
        return ids.every((id) => seen.includes(id))
      })
    }
    return performance.now() - startMs
  } finally {
    client.close()
  }
}

/** Ids of the targets of the map that a node holds; none while it has no map. */
async function targetsOf(client: Client, endpoint: string): Promise<readonly string[]> {
  const ask = {method: 'GET', path: '/v1/daemon?what=smap', keepBody: true} as const
  const answer = await client.ask(endpoint, ask).catch(() => null)
  if (answer?.status !== 200 || answer.body === null) return []
  const {tmap} = JSON.parse(answer.body.toString()) as {tmap?: Record<string, unknown> | null}
  return Object.keys(tmap ?? {})
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not reached within ${PATIENCE_MS} ms`)
    await sleep(POLL_MS)
  }
}

function gatewayUrl(playground: Playground): string {
  return `http://${playground.gateways[0]}`
}

/** Minimum of 15 rounds, interleaved with bare node, so that both meet the same machine. */
function timeOfWords(): readonly Row[] {
  const bare: number[] = []
  const version: number[] = []
  const help: number[] = []
  for (let round = 0; round < CLI_ROUNDS; round += 1) {
    bare.push(timed(['-e', '0']))
    version.push(timed([AISCTL, '--version']))
    help.push(timed([AISCTL, '--help']))
  }
  const floor = Math.min(...bare)
  return [
    judge({metric: 'bare node', unit: 'ms', value: floor, n: CLI_ROUNDS}),
    judge({
      metric: 'aisctl --version above bare node',
      unit: 'ms',
      value: Math.min(...version) - floor,
      n: CLI_ROUNDS,
      goal: 'value<=20',
    }),
    judge({
      metric: 'aisctl --help above bare node',
      unit: 'ms',
      value: Math.min(...help) - floor,
      n: CLI_ROUNDS,
      goal: 'value<=100',
    }),
  ]
}

function timed(args: readonly string[]): number {
  const startMs = performance.now()
  const {status, stderr} = spawnSync(process.execPath, args, {stdio: ['ignore', 'ignore', 'pipe']})
  if (status !== 0) throw new Error(`node ${args.join(' ')}: ${stderr.toString()}`)
  return performance.now() - startMs
}
