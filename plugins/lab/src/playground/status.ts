/** `playground status`: which nodes run and which of them are ready. */

import type {PlaygroundNode, PlaygroundRecord} from './record.ts'
import {runningPid} from './processes.ts'
import {isReady} from './ready.ts'
import {endpointsOf} from './plan-nodes.ts'

export type NodeCondition = 'ready' | 'starting' | 'stopped'

export interface NodeStatus {
  readonly id: string
  readonly role: PlaygroundNode['role']
  readonly pid: number | null
  readonly port: number
  readonly condition: NodeCondition
}

export interface PlaygroundStatus {
  readonly name: string
  readonly uuid: string
  readonly endpoints: readonly string[]
  readonly nodes: readonly NodeStatus[]
  readonly ready: number
}

export async function statusOf(record: PlaygroundRecord): Promise<PlaygroundStatus> {
  const nodes = await Promise.all(record.nodes.map((node) => nodeStatus(record, node)))
  return {
    name: record.name,
    uuid: record.uuid,
    endpoints: endpointsOf(record),
    nodes,
    ready: nodes.filter(({condition}) => condition === 'ready').length,
  }
}

async function nodeStatus(record: PlaygroundRecord, node: PlaygroundNode): Promise<NodeStatus> {
  const pid = runningPid(record, node) ?? null
  const base = {id: node.id, role: node.role, pid, port: node.ports.public}
  if (pid === null) return {...base, condition: 'stopped'}
  return {...base, condition: (await isReady(node)) ? 'ready' : 'starting'}
}
