/**
 * The nodes of a new playground and their node files, as data: who is who, which port is whose,
 * which proxy founds the cluster. Nothing is written or started here.
 */

import {randomBytes} from 'node:crypto'
import {join} from 'node:path'
import type {NodeFile} from 'aisctl/kit'
import {LOOPBACK} from './free-ports.ts'
import type {PlaygroundNode, PlaygroundRecord} from './record.ts'
import {nodeDir, playgroundDir} from './record.ts'

/** More nodes than this are no playground: a cluster has at most 51 members. */
export const PLAYGROUND_NODES_MAX = 51

export interface PlaygroundSize {
  readonly proxies: number
  readonly targets: number
  readonly mountpaths: number
}

/** A proxy listens on two ports (data = control), a target on three. */
export function portsNeeded({proxies, targets}: PlaygroundSize): number {
  return 2 * proxies + 3 * targets
}

export function planRecord(
  name: string,
  size: PlaygroundSize,
  ports: readonly number[],
): PlaygroundRecord {
  const nodes: PlaygroundNode[] = []
  const left = [...ports]
  for (let number = 1; number <= size.proxies; number++) {
    const [pub = 0, control = 0] = left.splice(0, 2)
    nodes.push(planNode('proxy', number, {public: pub, control, data: control}))
  }
  for (let number = 1; number <= size.targets; number++) {
    const [pub = 0, control = 0, data = 0] = left.splice(0, 3)
    nodes.push(planNode('target', number, {public: pub, control, data}))
  }
  return {format: 1, name, uuid: randomLetters(10), mountpaths: size.mountpaths, nodes}
}

function planNode(
  role: PlaygroundNode['role'],
  number: number,
  ports: PlaygroundNode['ports'],
): PlaygroundNode {
  // The form that AIStore's own deployment gives: four letters and the public port.
  return {id: `${randomLetters(4)}${ports.public}`, role, instance: `${role}-${number}`, ports}
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

function randomLetters(count: number): string {
  const letters = [...randomBytes(count)].map((byte) => LETTERS[byte % LETTERS.length])
  return letters.join('')
}

export function keyFileOf(record: PlaygroundRecord): string {
  return join(playgroundDir(record.name), 'cluster-key')
}

export function mountpathsOf(record: PlaygroundRecord, node: PlaygroundNode): readonly string[] {
  if (node.role === 'proxy') return []
  const numbers = Array.from({length: record.mountpaths}, (_, index) => index + 1)
  return numbers.map((number) => join(nodeDir(record.name, node), `mp${number}`))
}

export function nodeFileOf(record: PlaygroundRecord, node: PlaygroundNode): NodeFile {
  const at = (port: number): string => `${LOOPBACK}:${port}`
  const founder = record.nodes.find(({role}) => role === 'proxy')
  const mountpaths = mountpathsOf(record, node).map((path, index) => ({
    path,
    label: `lbl${index}`,
  }))
  return {
    format: 1,
    role: node.role,
    id: node.id,
    uuid: record.uuid,
    ...(node === founder ? {bootstrap: true} : {}),
    state: join(nodeDir(record.name, node), 'state'),
    listen: {
      public: at(node.ports.public),
      control: at(node.ports.control),
      data: at(node.ports.data),
    },
    peers: record.nodes.map(({ports}) => at(ports.control)),
    ...(mountpaths.length === 0 ? {} : {mountpaths}),
    clusterKeyFile: keyFileOf(record),
    allowSharedFilesystem: true,
  }
}

/** URLs of the gateways, in order. */
export function endpointsOf(record: PlaygroundRecord): readonly string[] {
  return record.nodes
    .filter(({role}) => role === 'proxy')
    .map(({ports}) => `http://${LOOPBACK}:${ports.public}`)
}
