/**
 * A deployed cluster without daemons: its hosts are recorded instead of reached, its nodes are
 * small HTTP servers on the loopback that answer with one map. What is ordered is written down in
 * the order in which it came, so that a test reads what an operator's command would have done.
 */

import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'
import {text} from 'node:stream/consumers'
import {AisError} from '../../../src/base/errors.ts'
import {openCluster, type ClusterClient} from '../../../src/client/cluster.ts'
import type {NodeId} from '../../../src/model/ids.ts'
import {NODE_FLAG, type Member} from '../../../src/model/node.ts'
import type {Fleet} from '../../../src/ops/fleet.ts'
import type {Host, HostResult, HostRun} from '../../../src/ops/host/host.ts'
import {readTopology} from '../../../src/ops/topology/read.ts'
import {nodesOf, resolveTopology, type Topology} from '../../../src/ops/topology/resolve.ts'
import type {TopologyNode} from '../../../src/ops/topology/resolve.ts'
import {encodeJson} from '../../../src/wire/json.ts'
import {encodeOperation, type OperationAnswer} from '../../../src/wire/operation.ts'
import {encodeSmap} from '../../../src/wire/smap.ts'
import {UUID} from './sample-topology.ts'

export interface FakeFleet {
  readonly topology: Topology
  readonly fleet: Fleet
  readonly client: ClusterClient
  /** `restart h1/target`, `primary h2/proxy`, `apply h3`: in the order in which they came. */
  readonly log: string[]
  /** By HOST/INSTANCE; what tests change is seen at once. */
  node(place: string): FakeNode
  /** Hosts that SSH does not reach. */
  readonly unreachable: Set<string>
  /** Nobody is reached over the public network; the nodes are as they were. */
  publicNet: 'open' | 'closed'
  /** Id of the primary; '' when no gateway knows one. */
  primary: string
  /** A rebalance goes on. */
  moving: boolean
  /** Called when a unit is told to restart, before it does. */
  onRestart: () => void
  /** Lines of the entries that a host was last told to apply. */
  readonly applied: Map<string, string>
  /** What links of hosts point at, by HOST:PATH. */
  readonly links: Map<string, string>
  close(): Promise<void>
}

export interface FakeNode {
  readonly node: TopologyNode
  member: Member | undefined
  up: boolean
  /** After how many of its starts it still does not answer. */
  broken: boolean
  /** Answers 500 to everything but its health. */
  sick: boolean
}

const ANY = '/var/lib/aisctl/topology.json'
/** Words of a script that has nothing but its root. */
const DESTROY_WORDS = 8

/** @param hosts what runs on h1, h2 …: words such as `p`, `t`, `pt`; zones by number */
export async function startFakeFleet(hosts: readonly string[]): Promise<FakeFleet> {
  const places = hosts.flatMap((words, index) =>
    words.split('').map((letter) => ({letter, host: index})),
  )
  const servers = await Promise.all(places.map(({host}) => listen(`127.0.0.${host + 1}`)))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  const topology = resolveTopology(readTopology(topologyText(hosts, ports), 'topology.yaml'), UUID)
  const nodes = new Map<string, FakeNode>()
  const fake: FakeFleet = {
    topology,
    fleet: fleetOf(topology, () => fake),
    client: openCluster({
      endpoints: nodesOf(topology)
        .filter(({role}) => role === 'proxy')
        .map(({host, ports: {public: port}}) => `http://127.0.0.${host.slice(1)}:${port}`),
    }),
    log: [],
    node: (place) => {
      const found = nodes.get(place)
      if (found === undefined) throw new Error(`there is no ${place}`)
      return found
    },
    unreachable: new Set(),
    publicNet: 'open',
    primary: nodesOf(topology).find(({role}) => role === 'proxy')?.id ?? '',
    moving: false,
    onRestart: () => undefined,
    applied: new Map(),
    links: new Map(),
    close: async () => {
      for (const server of servers) server.closeAllConnections()
      await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
    },
  }
  for (const [index, node] of nodesOf(topology).entries()) {
    const one = {node, member: memberOf(node), up: true, broken: false, sick: false}
    nodes.set(`${node.host}/${node.instance}`, one)
    servers[index]?.on('request', (request: IncomingMessage, response: ServerResponse) => {
      if (fake.publicNet === 'closed' || !one.up) return response.destroy()
      const [status, body] = answer({fake, one, nodes}, request.method ?? '', request.url ?? '')
      return response.writeHead(status).end(body)
    })
  }
  members.set(fake, nodes)
  return fake
}

const members = new WeakMap<FakeFleet, Map<string, FakeNode>>()

function topologyText(hosts: readonly string[], ports: readonly number[]): string {
  let next = 0
  const node = (letter: string): string => {
    const port = ports[next++]
    return letter === 'p'
      ? `      - {role: proxy, ports: {public: ${port}}}\n`
      : `      - {role: target, ports: {public: ${port}}, mountpaths: [{path: /ais/mp${next}}]}\n`
  }
  const host = (words: string, index: number): string =>
    `  - name: h${index + 1}\n    address: 127.0.0.${index + 1}\n    zone: z${(index % 2) + 1}\n    nodes:\n${words.split('').map(node).join('')}`
  return `format: 1\ncluster: {name: sample}\nhosts:\n${hosts.map(host).join('')}`
}

function memberOf(node: TopologyNode): Member {
  const at = (port: number): Member['public'] => ({host: `127.0.0.${node.host.slice(1)}`, port})
  return {
    id: node.id as NodeId,
    role: node.role,
    public: at(node.ports.public),
    control: at(node.ports.control),
    data: at(node.ports.data),
    flags: node.electable || node.role === 'target' ? 0 : NODE_FLAG.nonElectable,
    inc: 1,
    learner: false,
    away: null,
    speaks: [1, 1],
  }
}

interface Scene {
  readonly fake: FakeFleet
  readonly one: FakeNode
  readonly nodes: ReadonlyMap<string, FakeNode>
}

function answer({fake, one, nodes}: Scene, method: string, url: string): [number, string] {
  if (url === '/v1/health') return [200, '']
  if (one.sick) return [500, 'out of order']
  const smap = {
    epoch: 1,
    version: 7,
    created: '',
    primary: fake.primary as NodeId,
    nodes: Object.fromEntries(
      [...nodes.values()].flatMap(({member}) =>
        member === undefined ? [] : [[member.id, member]],
      ),
    ),
  }
  if (url === '/v1/daemon?what=smap' && fake.primary !== '') {
    return [200, encodeJson(encodeSmap(UUID, smap))]
  }
  if (url === '/v1/cluster?what=operation') return [200, encodeJson(encodeOperation(idle(fake)))]
  if (method === 'PUT' && url === '/v1/cluster') {
    fake.log.push('decommission')
    for (const node of nodes.values()) node.up = false
    return [200, '']
  }
  const heir = /^\/v1\/cluster\/proxy\/(\w+)$/.exec(url)?.[1]
  if (method === 'PUT' && heir !== undefined) {
    fake.primary = heir
    fake.log.push(`primary ${placeOf(nodes, heir)}`)
    return [200, '']
  }
  return [url === '/v1/daemon?what=smap' ? 503 : 404, '']
}

function placeOf(nodes: ReadonlyMap<string, FakeNode>, id: string): string {
  return [...nodes].find(([, {node}]) => node.id === id)?.[0] ?? id
}

function idle({primary, moving}: FakeFleet): OperationAnswer {
  return {
    uuid: UUID,
    node: primary,
    live: true,
    epoch: 1,
    index: 1,
    nowMs: 0,
    op: null,
    move: moving ? {entry: 1} : null,
    rebalance: 'g1',
    ownFrom: 1,
    inPlace: !moving,
    nodes: [],
    rebalances: [],
    reclaim: null,
  }
}

function fleetOf(topology: Topology, fake: () => FakeFleet): Fleet {
  return {
    topology,
    host: (name) => hostOf(name, fake),
    enter: () => undefined,
    close: () => Promise.resolve(),
  }
}

function hostOf(name: string, fake: () => FakeFleet): Host {
  return {
    name,
    address: name,
    run: (command) => runOn(name, command, fake()),
    close: () => Promise.resolve(),
  }
}

async function runOn(name: string, command: HostRun, fake: FakeFleet): Promise<HostResult> {
  const {argv} = command
  if (fake.unreachable.has(name)) {
    throw new AisError({code: 'UNREACHABLE', message: `${name}: no route to host`})
  }
  const nodes = members.get(fake) ?? new Map<string, FakeNode>()
  if (argv[1] === '-e') return askedOn({fake, nodes, name}, argv.slice(3))
  if (argv[0] === 'cat' && argv[1] === ANY) return result(1, '')
  if (argv[0] === 'readlink') return result(0, `${linkAt(fake, name, argv[1] ?? '')}\n`)
  const verb = argv.find((word) => ['start', 'stop', 'restart', 'show'].includes(word))
  if (verb !== undefined) return unitOn({fake, nodes, name}, verb, argv)
  if (argv[0] === 'sh' && argv.length === DESTROY_WORDS) {
    fake.log.push(`destroy ${name}`)
    return result(0, '{"removed":"/opt/aisnode"}\n{"done":true}\n')
  }
  if (!argv.includes('apply')) return result(0, factsOf(await inputOf(command)))
  const input =
    command.input === undefined ? '' : await text(command.input as AsyncIterable<Buffer>)
  fake.log.push(`apply ${name}`)
  fake.applied.set(name, input.slice(input.indexOf('\nentries ')))
  for (const [, path = '', value = ''] of input.matchAll(/^link\|([^|]+)\|.*\|([^|\n]+)$/gm)) {
    fake.links.set(`${name}:${path}`, value)
  }
  return result(0, '{"done":true}\n')
}

function inputOf({input}: HostRun): Promise<string> {
  if (input === undefined) return Promise.resolve('')
  return text(input as AsyncIterable<Buffer>)
}

/** A host that has all files that it is asked for. */
function factsOf(input: string): string {
  const have = input.split('\n').filter((line) => line.startsWith('have '))
  const lines = have.map((line) => `have\t${line.slice('have '.length)}`)
  return ['uid\t0', 'arch\tx86_64', ...lines, 'done\tyes', ''].join('\n')
}

function linkAt({links}: FakeFleet, host: string, path: string): string {
  return links.get(`${host}:${path}`) ?? 'release/0.1.0-before'
}

interface OnHost {
  readonly fake: FakeFleet
  readonly nodes: ReadonlyMap<string, FakeNode>
  readonly name: string
}

/** The question that is asked on the host itself. */
function askedOn(
  {fake, nodes, name}: OnHost,
  [url = '', method = '']: readonly string[],
): HostResult {
  const port = Number(new URL(url).port)
  const one = [...nodes.values()].find(({node}) => node.host === name && node.ports.public === port)
  if (one?.up !== true) return result(0, '')
  const path = url.slice(url.indexOf('/v1'))
  const [status, body] = answer({fake, one, nodes}, method, path)
  return result(0, `${status}\n${body}`)
}

function unitOn({fake, nodes, name}: OnHost, verb: string, argv: readonly string[]): HostResult {
  const unit = argv.find((word) => word.startsWith('aisnode@')) ?? ''
  const instance = unit.slice('aisnode@'.length, -'.service'.length)
  const one = nodes.get(`${name}/${instance}`)
  if (one === undefined) return result(1, '')
  if (verb !== 'show') {
    fake.log.push(`${verb} ${name}/${instance}`)
    if (verb === 'restart') fake.onRestart()
    one.up = verb !== 'stop' && !one.broken
  }
  const state = {unit, active: one.up ? 'active' : 'inactive', result: 'success', status: ''}
  return result(0, `${JSON.stringify({...state, exit: '0'})}\n`)
}

function result(status: number, stdout: string): HostResult {
  return {status, stdout, stderr: ''}
}

function listen(host: string): Promise<Server> {
  const server = createServer()
  return new Promise((done) => server.listen(0, host, () => done(server)))
}
