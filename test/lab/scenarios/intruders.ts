/**
 * Processes that do not belong: doubles of a living node, a node of another cluster, messages that
 * nobody of the cluster sent; and new nodes that come while there is no primary. On processes of
 * this machine, because each needs a node file of its own.
 */

import {type ChildProcess, spawn} from 'node:child_process'
import {cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {once} from 'node:events'
import {type AddressInfo, createServer} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {PEER_PATHS} from '../../../src/wire/peer-paths.ts'
import {AISNODE} from '../../bench/playground.ts'
import {nowMs, request} from '../stage/http.ts'
import {describe, type Play, primaryOf} from '../stage/play.ts'
import {gatewaysBut, localOf, nodesOf, type StageNode} from '../stage/stage.ts'
import {eventually, expectPrimary, KILLED_MS_MAX, reign, type Scenario} from './scenario.ts'

/** Ten seconds after it has started, which takes its time on a busy machine. */
const REFUSED_MS_MAX = 20_000
const REFUSALS = /taken|in use|duplicate/i
/** A stranger that is going to be let in is in by then. */
const LET_IN_MS = 5000
const JOINED_MS_MAX = 30_000

export const intruderScenarios: readonly Scenario[] = [
  {
    name: 'forged',
    title: '35: messages of nobody and of another cluster change nothing',
    on: 'processes',
    long: false,
    run: forged,
  },
  {
    name: 'doubles',
    title: '33: a double of a living node ends with a reason, and the living one is untouched',
    on: 'processes',
    long: false,
    run: doubles,
  },
  {
    name: 'joins',
    title: '19: nodes that come while there is no primary are members in the end',
    on: 'processes',
    long: false,
    run: joins,
  },
]

interface NodeFile {
  readonly id: string
  readonly uuid: string
  readonly state: string
  readonly listen: Readonly<Record<'public' | 'control' | 'data', string>>
  readonly mountpaths?: readonly {readonly path: string; readonly label?: string}[]
  readonly peers?: readonly string[]
  readonly [other: string]: unknown
}

interface Intruder {
  readonly process: ChildProcess
  /** What it said so far. */
  output(): string
  /** Its status, once it has ended. */
  status(): number | null
  end(): void
}

/** A node that is like one of the stage but for these differences. */
function start(file: NodeFile): Intruder {
  const directory = mkdtempSync(join(tmpdir(), 'aisctl-intruder-'))
  const path = join(directory, 'node.json')
  writeFileSync(path, JSON.stringify(file))
  const env = {...process.env, NODE_OPTIONS: ''}
  const child = spawn(process.execPath, [AISNODE, '--config', path], {env, stdio: 'pipe'})
  // However the play ends.
  process.once('exit', () => child.kill('SIGKILL'))
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-20_000)))
  }
  return {
    process: child,
    output: () => said,
    status: () => child.exitCode,
    end() {
      child.kill('SIGKILL')
      rmSync(directory, {recursive: true, force: true})
    },
  }
}

/** The file of a node of the stage, moved to a place of its own. */
async function fileOf(play: Play, node: StageNode, place: string): Promise<NodeFile> {
  const file = JSON.parse(readFileSync(nodeFileOf(play, node), 'utf8')) as NodeFile
  const paths = (file.mountpaths ?? []).map(({label}, at) => ({
    path: join(place, `mp${at + 1}`),
    ...(label === undefined ? {} : {label}),
  }))
  for (const {path} of paths) mkdirSync(path, {recursive: true})
  const [open, control, data] = await freePorts(3)
  const listen = {
    public: `127.0.0.1:${open}`,
    control: `127.0.0.1:${control}`,
    data: `127.0.0.1:${node.role === 'proxy' ? control : data}`,
  }
  const state = join(place, 'state')
  mkdirSync(state, {recursive: true})
  return {...file, state, listen, ...(paths.length === 0 ? {} : {mountpaths: paths})}
}

function nodeFileOf({stage}: Play, node: StageNode): string {
  return join(localOf(stage).directoryOf(node), 'node.json')
}

/** Ports that nobody has now, held together while they are looked for. */
async function freePorts(count: number): Promise<readonly number[]> {
  const held = Array.from({length: count}, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(held.map((server) => once(server, 'listening')))
  const ports = held.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(held.map((server) => once(server.close(), 'close')))
  return ports
}

async function forged(play: Play): Promise<readonly string[]> {
  const {stage, checks, watch} = play
  const before = watch.agreed()
  const taken: string[] = []
  const body = Buffer.from('{"uuid":"forged","epoch":99999,"index":99999}')
  for (const node of stage.nodes) {
    const places = [node.control, node.endpoint]
    const messages = claims(node).flatMap((headers) =>
      PEER_PATHS.flatMap(({method, path}) =>
        places.map((place) => ({method, path, place, headers})),
      ),
    )
    for (const {place, ...message} of messages) {
      const {status} = await request(place, {...message, body})
      const {method, path} = message
      if (status < 400 || status >= 500) taken.push(`${method} ${place}${path}: ${status}`)
    }
  }
  checks.expect(taken.length === 0, 'every forged message is refused', taken)
  const [proxy] = stage.nodes
  if (proxy === undefined) throw new Error('an empty stage')
  const place = mkdtempSync(join(tmpdir(), 'aisctl-foreign-'))
  const own = await fileOf(play, proxy, place)
  const foreign = start({...own, id: 'Foreign1', uuid: 'another-cluster', bootstrap: false})
  await sleep(LET_IN_MS)
  const after = watch.agreed()
  checks.expect(after?.version === before?.version, 'the map is the same', describe(watch, stage))
  checks.expect(after?.members.includes('Foreign1') === false, 'the foreign node is no member')
  const said = foreign.status() !== null || /cluster|refus|wait/i.test(foreign.output())
  checks.expect(said, 'it is told so', foreign.output().slice(-400))
  foreign.end()
  rmSync(place, {recursive: true, force: true})
  return []
}

/** No identity, a made-up one, a copied one. */
function claims({id}: StageNode): readonly Readonly<Record<string, string>>[] {
  const type = {'content-type': 'application/json'}
  return [
    type,
    {...type, 'ais-caller-id': 'Nobody', 'ais-caller-name': 'Nobody'},
    {...type, 'ais-caller-id': id, 'authorization': 'Bearer forged'},
  ]
}

async function doubles(play: Play): Promise<readonly string[]> {
  const {stage, checks, watch} = play
  const primary = primaryOf(play)
  const proxy = stage.nodes.find(({role, id}) => role === 'proxy' && id !== primary.id)
  const target = stage.nodes.find(({role}) => role === 'target')
  const before = watch.agreed()
  const models = [proxy, target].filter((one) => one !== undefined)
  await Promise.all(models.map((node) => doublesOf(play, node)))
  const after = watch.agreed()
  checks.expect(after?.digest === before?.digest, 'the map is the same', describe(watch, stage))
  return []
}

async function doublesOf(play: Play, node: StageNode): Promise<void> {
  const original = JSON.parse(readFileSync(nodeFileOf(play, node), 'utf8')) as NodeFile
  const places = [0, 1, 2].map(() => mkdtempSync(join(tmpdir(), 'aisctl-double-')))
  const [moved, renamed, copied] = await Promise.all(
    places.map((place) => fileOf(play, node, place)),
  )
  if (moved === undefined || renamed === undefined || copied === undefined) return
  cpSync(original.state, copied.state, {recursive: true})
  await Promise.all([
    refused(play, moved, `${node.id}: its id on other ports`),
    refused(
      play,
      {...renamed, id: 'Double01', listen: original.listen},
      `${node.id}: another id on its ports`,
    ),
    refused(play, copied, `${node.id}: a copy of its state on other ports`),
  ])
  for (const place of places) rmSync(place, {recursive: true, force: true})
}

async function refused({checks}: Play, file: NodeFile, what: string): Promise<void> {
  const double = start(file)
  const startMs = nowMs()
  const ended = await eventually(() => double.status() !== null, REFUSED_MS_MAX)
  const said = double.output().slice(-500)
  const right = ended && double.status() !== 0
  checks.expect(right, `${what}: it ends with an error`, `${double.status()} ${said}`)
  checks.expect(REFUSALS.test(said), `${what}: it is told why`, said)
  if (ended) checks.measure('ended ms', nowMs() - startMs)
  double.end()
}

async function joins(play: Play): Promise<readonly string[]> {
  const {stage, checks, watch} = play
  const {primary} = reign(play)
  const [proxy] = nodesOf(stage, [primary.id])
  const target = stage.nodes.find(({role}) => role === 'target')
  if (proxy === undefined || target === undefined) throw new Error('an incomplete stage')
  const offsets = play.longRun ? [0, 2000, 5000, 10_000] : [0, 300]
  const version = watch.of(target.id)?.version ?? 0
  const sinceMs = await stage.kill([primary])
  const elected = expectPrimary(play, [primary], {withinMs: KILLED_MS_MAX, sinceMs})
  const places: string[] = []
  const guests: {readonly id: string; readonly process: Intruder}[] = []
  for (const [number, offsetMs] of offsets.entries()) {
    await sleep(Math.max(0, offsetMs - (nowMs() - sinceMs)))
    for (const model of [proxy, target]) {
      const place = mkdtempSync(join(tmpdir(), 'aisctl-guest-'))
      places.push(place)
      const id = `Guest-${number}-${model.role}`
      const own = await fileOf(play, model, place)
      // The dead primary is the one that it asks first.
      const file = {...own, id, bootstrap: false, peers: [primary.control, ...(own.peers ?? [])]}
      guests.push({id, process: start(file)})
    }
  }
  await elected
  const living = stage.nodes.filter(({id}) => id !== primary.id).map(({id}) => id)
  const joined = await watch.until(() => {
    const map = watch.agreed(living)
    return map !== undefined && guests.every(({id}) => map.members.includes(id)) ? map : undefined
  }, JOINED_MS_MAX)
  const missing = guests.filter(({id}) => watch.agreed(living)?.members.includes(id) !== true)
  checks.expect(
    joined !== undefined,
    'all of them are members',
    missing.map((one) => `${one.id}: ${one.process.output().slice(-300)}`),
  )
  if (joined !== undefined) {
    checks.measure('joined ms', joined.atMs - sinceMs)
    checks.expect(joined.value.version > version, 'the version grows', joined.value.version)
  }
  await stage.start([primary])
  play.load.use(gatewaysBut(stage))
  // They are members for good: the playground ends with them.
  localOf(stage).atEnd(() => {
    for (const guest of guests) guest.process.end()
    for (const place of places) rmSync(place, {recursive: true, force: true})
  })
  return [primary.id]
}
