/** The stage of local processes: no hosts, but nothing is needed for it either. */

import {readFileSync} from 'node:fs'
import {basename, dirname, join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {startNode} from '../../../plugins/lab/src/playground/processes.ts'
import {readRecord} from '../../../plugins/lab/src/playground/record.ts'
import {AISNODE, nodeDirectory, type Playground} from '../../bench/playground.ts'
import {nowMs} from './http.ts'
import type {Stage, StageNode} from './stage.ts'

const ENDED_MS_MAX = 60_000

/** Plays on a playground that is up. */
export async function playgroundStage(playground: Playground): Promise<Stage> {
  const pids = new Map<string, number>()
  const learn = async (): Promise<void> => {
    for (const {id, pid} of await playground.pids()) pids.set(id, pid)
  }
  await learn()
  const endings: (() => void)[] = []
  // Here the tool's own functions find this run's playground and no other.
  process.env['AISCTL_STATE_DIR'] = playground.directory
  const signal = (some: readonly StageNode[], name: NodeJS.Signals): number => {
    const atMs = nowMs()
    for (const {id} of some) if (isAlive(pids.get(id))) process.kill(pids.get(id) ?? 0, name)
    return atMs
  }
  return {
    uuid: playground.uuid,
    nodes: playground.nodes.map(({id, role, instance, ports}) => ({
      id,
      role,
      instance,
      host: 0,
      endpoint: `127.0.0.1:${ports.public}`,
      control: `127.0.0.1:${ports.control}`,
    })),
    kill: async (some) => signal(some, 'SIGKILL'),
    async stop(node) {
      const atMs = signal([node], 'SIGTERM')
      const deadline = atMs + ENDED_MS_MAX
      while (isAlive(pids.get(node.id)) && nowMs() < deadline) await sleep(20)
      return {atMs, status: isAlive(pids.get(node.id)) ? 'alive' : 'ended'}
    },
    async start(some) {
      const name = basename(dirname(nodeDirectory(playground, 'any')))
      const record = readRecord(name)
      if (record === undefined) throw new Error(`no playground ${name}`)
      const program = {node: process.execPath, script: AISNODE}
      for (const {id} of some) {
        const node = record.nodes.find((one) => one.id === id)
        if (node === undefined || isAlive(pids.get(id))) continue
        const {pid} = startNode(record, node, program)
        if (pid !== undefined) pids.set(id, pid)
      }
    },
    freeze: async (some) => signal(some, 'SIGSTOP'),
    thaw: async (some) => signal(some, 'SIGCONT'),
    processOf: ({id}) => (isAlive(pids.get(id)) ? String(pids.get(id)) : ''),
    async logOf({instance}, lines) {
      const file = join(nodeDirectory(playground, instance), 'log')
      return readFileSync(file, 'utf8').split('\n').slice(-lines).join('\n')
    },
    local: {
      directoryOf: ({instance}) => nodeDirectory(playground, instance),
      atEnd: (act) => void endings.push(act),
      end() {
        for (const act of endings) act()
      },
    },
  }
}

/** A zombie is dead: its parent has not looked yet. */
function isAlive(pid: number | undefined): boolean {
  if (pid === undefined) return false
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    // Nobody has this number any more.
    return false
  }
}
