/**
 * Waiting until a playground serves: every node says that it is ready, and the map that a gateway
 * shows holds all of them. Ends on evidence; a node whose process has ended ends the wait with its
 * last words.
 */

import {setTimeout as sleep} from 'node:timers/promises'
import {AisError, formatDuration, nodeLabel, probe} from 'aisctl/kit'
import {LOOPBACK} from './free-ports.ts'
import {logTail, runningPid} from './processes.ts'
import type {PlaygroundNode, PlaygroundRecord} from './record.ts'
import {nodeDir} from './record.ts'

const POLL_MS = 15
const PROBE_MS = 2_000
const TAIL_LINES = 5

export interface WaitOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal
  /** Told whenever the number of ready nodes changes. */
  onReady?(ready: number): void
}

export async function waitUntilReady(
  record: PlaygroundRecord,
  {timeoutMs, signal, onReady}: WaitOptions,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  let waiting = [...record.nodes]
  let told = -1
  for (;;) {
    signal?.throwIfAborted()
    // Looked at before its port is: another program may have that one, and answer.
    const ended = record.nodes.find((node) => runningPid(record, node) === undefined)
    if (ended !== undefined) throw endedEarly(record, ended)
    const answers = await Promise.all(waiting.map(isReady))
    waiting = waiting.filter((_, index) => !answers[index])
    const ready = record.nodes.length - waiting.length
    if (ready !== told) onReady?.(ready)
    told = ready
    if (waiting.length === 0 && (await mapIsFull(record))) return
    if (performance.now() > deadline) throw notReady(record, waiting, timeoutMs)
    await sleep(POLL_MS)
  }
}

export async function isReady(node: PlaygroundNode): Promise<boolean> {
  const url = `http://${LOOPBACK}:${node.ports.public}/v1/health?readiness=true`
  return (await probe(url, PROBE_MS))?.status === 200
}

async function mapIsFull(record: PlaygroundRecord): Promise<boolean> {
  const maps = await Promise.all(
    record.nodes.map((node) =>
      probe(`http://${LOOPBACK}:${node.ports.public}/v1/daemon?what=smap`, PROBE_MS),
    ),
  )
  return maps.every((map) => map?.status === 200 && namesAll(map.text, record))
}

function namesAll(text: string, record: PlaygroundRecord): boolean {
  const own = text.includes(`"uuid":"${record.uuid}"`)
  return own && record.nodes.every(({id}) => text.includes(`"${id}"`))
}

function endedEarly(record: PlaygroundRecord, node: PlaygroundNode): AisError {
  const tail = logTail(record, node, TAIL_LINES)
  return new AisError({
    code: 'NOT_READY',
    message: `${nodeLabel(node.role, node.id)} has ended${tail === '' ? '' : `; its last words:\n${tail}`}`,
    hint: `its log: ${nodeDir(record.name, node)}/log`,
    details: {node: node.id},
  })
}

function notReady(
  record: PlaygroundRecord,
  waiting: readonly PlaygroundNode[],
  timeoutMs: number,
): AisError {
  const names = waiting.map(({role, id}) => nodeLabel(role, id)).join(', ')
  const what = names === '' ? 'the cluster map does not hold all nodes yet' : `not ready: ${names}`
  return new AisError({
    code: 'TIMED_OUT',
    message: `playground ${record.name}: ${what}, after ${formatDuration(timeoutMs)}`,
    hint: `see why: aisctl playground status --name ${record.name}`,
    details: {waiting: waiting.map(({id}) => id)},
  })
}
