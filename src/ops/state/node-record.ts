/**
 * The record that the nodes of one host keep on disk, told by the daemon's own program there, and
 * put back by it.
 */

import {Readable} from 'node:stream'
import {AisError} from '../../base/errors.ts'
import type {Host} from '../host/host.ts'
import {OPT} from '../host/manifest.ts'
import {parseJsonObject} from '../host/output.ts'
import {commandError} from '../host/script.ts'
import type {TopologyNode} from '../topology/resolve.ts'
import type {BackedRecord} from './backup-file.ts'

/** Reading and packing 64 MiB on a slow disk. */
const RECORD_TIMEOUT_MS = 60_000
const LINE_CHARS = 8192

/** What one node keeps. */
export interface KeptRecord {
  readonly node: TopologyNode
  /** Null: none. */
  readonly record: BackedRecord | null
}

/** @throws AisError UNREACHABLE, HOST_COMMAND when the node is not installed there */
export async function readNodeRecord(host: Host, node: TopologyNode): Promise<KeptRecord> {
  const lines: string[] = []
  const result = await host.run({
    argv: program(node),
    timeoutMs: RECORD_TIMEOUT_MS,
    onLine: (line, stream) => (stream === 'stdout' ? lines.push(line) : undefined),
  })
  const [first = '', ...packed] = lines
  const told = parseJsonObject(first)
  if (result.status !== 0 || told?.['format'] !== 1) {
    throw commandError(host, 'aisnode record', result, 'gave no answer')
  }
  const mark = told['record'] as Omit<BackedRecord, 'packed'> | null
  const record = mark === null ? null : {...mark, packed: packed.join('')}
  return {node, record}
}

/** Gives a stopped node a record. @throws AisError HOST_COMMAND with the daemon's reason */
export async function putNodeRecord(
  host: Host,
  node: TopologyNode,
  {packed}: BackedRecord,
): Promise<{readonly epoch: number; readonly index: number}> {
  const lines = packed.match(new RegExp(`.{1,${LINE_CHARS}}`, 'g')) ?? []
  const result = await host.run({
    argv: [...program(node), '--take'],
    input: Readable.from(lines.map((line) => Buffer.from(`${line}\n`))),
    timeoutMs: RECORD_TIMEOUT_MS,
  })
  const mark = parseJsonObject(result.stdout.trim())
  if (result.status === 0 && mark !== undefined) return mark as {epoch: number; index: number}
  const why = result.stderr.trim().split('\n').at(-1) ?? ''
  throw new AisError({
    code: 'HOST_COMMAND',
    message: `${host.name}: aisnode record --take: ${why}`,
    details: {host: host.name, status: result.status},
  })
}

/** As the user of the nodes: what it writes has to be theirs. */
function program({instance}: TopologyNode): string[] {
  const home = `${OPT}/${instance}`
  const asNode = ['runuser', '-u', 'aisnode', '--']
  const config = ['--config', `/etc/aisnode/${instance}.json`]
  return [...asNode, `${home}/runtime/node`, `${home}/aisnode.mjs`, 'record', ...config]
}
