/**
 * The processes of a playground: started detached, found again by a file with pid and start time,
 * ended only when both still agree (a pid is used again after a while, by somebody else).
 */

import type {ChildProcess} from 'node:child_process'
import {spawn} from 'node:child_process'
import {closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {cacheDir} from 'aisctl/kit'
import type {PlaygroundNode, PlaygroundRecord} from './record.ts'
import {nodeDir} from './record.ts'

/** An ordered stop of an idle node takes a few milliseconds; a busy one finishes its writes. */
export const STOP_PATIENCE_MS = 15_000
const POLL_MS = 20

interface PidFile {
  readonly pid: number
  /** Clock ticks since boot, field 22 of /proc/PID/stat: the process's name in time. */
  readonly startTicks: string
}

export interface NodeProgram {
  /** The packaged Node. */
  readonly node: string
  /** bin/aisnode.js */
  readonly script: string
}

/** Starts a node; its output goes to `log` in its directory. */
export function startNode(
  record: PlaygroundRecord,
  node: PlaygroundNode,
  program: NodeProgram,
): ChildProcess {
  const directory = nodeDir(record.name, node)
  const log = openSync(join(directory, 'log'), 'a', 0o600)
  try {
    const child = spawn(program.node, [program.script, '--config', join(directory, 'node.json')], {
      cwd: directory,
      detached: true,
      stdio: ['ignore', log, log],
      env: {...process.env, NODE_COMPILE_CACHE: join(cacheDir(), 'v8')},
    })
    if (child.pid !== undefined) writePidFile(directory, child.pid)
    child.unref()
    return child
  } finally {
    closeSync(log)
  }
}

function writePidFile(directory: string, pid: number): void {
  const startTicks = startTicksOf(pid)
  if (startTicks === undefined) return
  const content: PidFile = {pid, startTicks}
  writeFileSync(join(directory, 'pid.json'), JSON.stringify(content), {mode: 0o600})
}

/** The pid of a node's process, while it is the one that was started. */
export function runningPid(record: PlaygroundRecord, node: PlaygroundNode): number | undefined {
  const file = join(nodeDir(record.name, node), 'pid.json')
  if (!existsSync(file)) return undefined
  const {pid, startTicks} = JSON.parse(readFileSync(file, 'utf8')) as PidFile
  return startTicksOf(pid) === startTicks ? pid : undefined
}

function startTicksOf(pid: number): string | undefined {
  const file = `/proc/${pid}/stat`
  try {
    const text = readFileSync(file, 'utf8')
    // The second field is the command in parentheses and may hold anything; state comes third.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
}

export interface StopOutcome {
  readonly stopped: readonly string[]
  /** Those that had to be killed after STOP_PATIENCE_MS. */
  readonly killed: readonly string[]
}

/** Ends the given nodes' processes: SIGTERM to all, then patience, then SIGKILL to what is left. */
export async function stopNodes(
  record: PlaygroundRecord,
  nodes: readonly PlaygroundNode[],
): Promise<StopOutcome> {
  const stopped = nodes.filter((node) => signal(record, node, 'SIGTERM'))
  const deadline = performance.now() + STOP_PATIENCE_MS
  let left = stopped
  while (left.length > 0 && performance.now() < deadline) {
    await sleep(POLL_MS)
    left = left.filter((node) => runningPid(record, node) !== undefined)
  }
  for (const node of left) signal(record, node, 'SIGKILL')
  for (const node of nodes) rmSync(join(nodeDir(record.name, node), 'pid.json'), {force: true})
  return {stopped: stopped.map(({id}) => id), killed: left.map(({id}) => id)}
}

function signal(record: PlaygroundRecord, node: PlaygroundNode, name: NodeJS.Signals): boolean {
  const pid = runningPid(record, node)
  if (pid === undefined) return false
  try {
    process.kill(pid, name)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

/** The last lines of a node's log, for an error message. */
export function logTail(record: PlaygroundRecord, node: PlaygroundNode, lines: number): string {
  const file = join(nodeDir(record.name, node), 'log')
  if (!existsSync(file)) return ''
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
}
