/** What a primary tells of nodes that come and go: nothing goes on, unless a test says otherwise. */

import type {OperationAnswer, OperationNode} from '../../src/wire/operation.ts'
import {UUID} from './leader-cluster.ts'

/** 2026-11-21, the clock of the pretended primary. */
export const AT = 1_795_280_400_000

export function operationNode(id: string, more: Partial<OperationNode> = {}): OperationNode {
  return {
    id,
    role: id.startsWith('t') ? 'target' : 'proxy',
    status: '',
    away: false,
    state: 'walking',
    objects: 0,
    bytes: 0,
    inObjects: 0,
    inBytes: 0,
    left: null,
    problem: '',
    heardMs: AT,
    holds: true,
    objectsPerSecond: 0,
    bytesPerSecond: 0,
    secondsLeft: null,
    ...more,
  }
}

export function operationAnswer(more: Partial<OperationAnswer> = {}): OperationAnswer {
  return {
    uuid: UUID,
    node: 'gateway1',
    live: true,
    epoch: 7,
    index: 123,
    nowMs: AT,
    op: null,
    move: null,
    rebalance: '',
    ownFrom: 100,
    inPlace: true,
    nodes: [],
    rebalances: [],
    reclaim: null,
    ...more,
  }
}
