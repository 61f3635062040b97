/**
 * `playground up`: makes what is missing and starts what is not running. Doing it again repairs a
 * half-dead playground and changes nothing in a healthy one.
 */

import {randomBytes} from 'node:crypto'
import {existsSync, mkdirSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {AisError, formatNodeFile, nodeLabel, rememberCluster} from 'aisctl/kit'
import {findFreePorts, firstTaken} from './free-ports.ts'
import {withLock} from './lock.ts'
import type {PlaygroundSize} from './plan-nodes.ts'
import {
  endpointsOf,
  keyFileOf,
  mountpathsOf,
  nodeFileOf,
  planRecord,
  PLAYGROUND_NODES_MAX,
  portsNeeded,
} from './plan-nodes.ts'
import type {NodeProgram} from './processes.ts'
import {runningPid, startNode} from './processes.ts'
import {waitUntilReady} from './ready.ts'
import type {PlaygroundNode, PlaygroundRecord} from './record.ts'
import {nodeDir, playgroundDir, playgroundNames, readRecord, writeRecord} from './record.ts'

export interface UpOptions {
  readonly name: string
  /** What was asked for; what an existing playground has when absent. */
  readonly size: Partial<PlaygroundSize>
  /** Asked for only when a node has to be started: in a source tree it may have to be built. */
  readonly program: () => Promise<NodeProgram>
  readonly timeoutMs: number
  readonly signal?: AbortSignal
  onProgress?(text: string): void
}

export interface UpResult {
  readonly record: PlaygroundRecord
  readonly started: readonly PlaygroundNode[]
  readonly created: boolean
  readonly durationMs: number
}

const DEFAULT_SIZE: PlaygroundSize = {proxies: 1, targets: 2, mountpaths: 2}

export async function bringUp(options: UpOptions): Promise<UpResult> {
  const beganMs = performance.now()
  const {record, created} = await withLock(() => findOrCreate(options))
  const total = record.nodes.length
  const started = record.nodes.filter((node) => runningPid(record, node) === undefined)
  if (started.length > 0) {
    await requireFreePorts(record, started)
    const program = await options.program()
    options.onProgress?.(`starting ${started.length} of ${total} nodes`)
    for (const node of started) startNode(record, node, program)
  }
  await waitUntilReady(record, {
    timeoutMs: options.timeoutMs,
    ...(options.signal === undefined ? {} : {signal: options.signal}),
    onReady: (ready) => options.onProgress?.(`${ready} of ${total} nodes are ready`),
  })
  remember(record)
  return {record, started, created, durationMs: performance.now() - beganMs}
}

async function findOrCreate(
  options: UpOptions,
): Promise<{readonly record: PlaygroundRecord; readonly created: boolean}> {
  const found = readRecord(options.name)
  if (found !== undefined) checkSize(found, options.size)
  const record = found ?? (await create(options))
  layOut(record)
  return {record, created: found === undefined}
}

function checkSize(record: PlaygroundRecord, wanted: Partial<PlaygroundSize>): void {
  const count = (role: string): number => record.nodes.filter((node) => node.role === role).length
  const has = {
    proxies: count('proxy'),
    targets: count('target'),
    mountpaths: record.mountpaths,
  } satisfies PlaygroundSize
  const differs = (Object.keys(has) as (keyof PlaygroundSize)[]).find(
    (key) => wanted[key] !== undefined && wanted[key] !== has[key],
  )
  if (differs === undefined) return
  throw new AisError({
    code: 'REFUSED',
    message: `playground ${record.name} exists and has ${has.proxies} proxies, ${has.targets} targets and ${has.mountpaths} mountpaths each`,
    hint: `choose another name (--name), or end this one first: aisctl playground down --name ${record.name}`,
    details: {...has},
  })
}

async function create({name, size}: UpOptions): Promise<PlaygroundRecord> {
  const full = {...DEFAULT_SIZE, ...size}
  if (full.proxies + full.targets > PLAYGROUND_NODES_MAX) {
    throw new AisError({
      code: 'USAGE',
      message: `${full.proxies + full.targets} nodes are too many: a cluster has at most ${PLAYGROUND_NODES_MAX}`,
    })
  }
  const record = planRecord(name, full, await findFreePorts(portsNeeded(full), portsOfOthers()))
  writeRecord(record)
  return record
}

function portsOfOthers(): ReadonlySet<number> {
  const records = playgroundNames().map(readRecord)
  const nodes = records.flatMap((record) => record?.nodes ?? [])
  return new Set(nodes.flatMap(({ports}) => [ports.public, ports.control, ports.data]))
}

/** A node that was stopped for a while may find its ports taken: said at once, with by whom. */
async function requireFreePorts(
  record: PlaygroundRecord,
  nodes: readonly PlaygroundNode[],
): Promise<void> {
  for (const node of nodes) {
    const taken = await firstTaken([node.ports.public, node.ports.control, node.ports.data])
    if (taken === undefined) continue
    const holder = playgroundNames()
      .filter((name) => name !== record.name)
      .find((name) => readRecord(name)?.nodes.some((other) => holds(other, taken)))
    const by = holder === undefined ? 'another program' : `playground ${holder}`
    throw new AisError({
      code: 'REFUSED',
      message: `port ${taken} of ${nodeLabel(node.role, node.id)} is taken by ${by}`,
      hint: `see who listens: ss -ltnp 'sport = :${taken}' · or begin anew with other ports: aisctl playground down --name ${record.name}`,
      details: {node: node.id, port: taken},
    })
  }
}

function holds({ports}: PlaygroundNode, port: number): boolean {
  return ports.public === port || ports.control === port || ports.data === port
}

/**
 * Directories, the cluster key and the node files; what exists is kept, node files are written
 * anew.
 */
function layOut(record: PlaygroundRecord): void {
  mkdirSync(playgroundDir(record.name), {recursive: true, mode: 0o700})
  const keyFile = keyFileOf(record)
  if (!existsSync(keyFile)) {
    writeFileSync(keyFile, `${randomBytes(32).toString('hex')}\n`, {mode: 0o600})
  }
  for (const node of record.nodes) {
    const directory = nodeDir(record.name, node)
    mkdirSync(join(directory, 'state'), {recursive: true, mode: 0o700})
    for (const path of mountpathsOf(record, node)) mkdirSync(path, {recursive: true})
    writeFileSync(join(directory, 'node.json'), formatNodeFile(nodeFileOf(record, node)))
  }
}

function remember(record: PlaygroundRecord): void {
  rememberCluster({
    name: record.name,
    uuid: record.uuid,
    kind: 'playground',
    endpoints: endpointsOf(record),
  })
}
