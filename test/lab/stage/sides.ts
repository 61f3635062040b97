/** Clients on the sides of a partition, and the ledgers that they fill together. */

import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {createInterface} from 'node:readline'
import {fileURLToPath} from 'node:url'
import {nowMs, request} from './http.ts'
import {Ledger, sha256} from './ledger.ts'
import {BUCKET} from './play.ts'
import type {SideLine, SideOrder} from './side-client.ts'
import {gatewaysBut, hostsOf, type Stage, type StageNode} from './stage.ts'

const CLIENT = fileURLToPath(new URL('side-client.ts', import.meta.url))
const EVERY_MS = 1000
/** Enough that every target owns some. */
const SHARED_KEYS = 16
const READ_MS_MAX = 60_000

export interface Sides {
  readonly objects: Ledger
  readonly buckets: Ledger
  /** Answers to the last words of each client that were no acknowledgement, for reports. */
  stop(): Promise<void>
}

export interface Side {
  readonly name: string
  /** Nodes that its client may know; it lives on the host of the first gateway of them. */
  readonly nodes: readonly StageNode[]
}

/** Starts a client on each side that has a gateway. */
export function startSides(stage: Stage, name: string, sides: readonly Side[]): Sides {
  const objects = new Ledger()
  const buckets = new Ledger()
  const children = sides.flatMap((side) => {
    const gateways = side.nodes.filter(({role}) => role === 'proxy')
    const [home] = gateways
    if (home === undefined) return []
    const order: SideOrder = {
      by: side.name,
      gateways: gateways.map(({endpoint}) => endpoint),
      bucket: BUCKET,
      prefix: name,
      keys: Array.from({length: SHARED_KEYS}, (_, number) => `${name}/${number}`),
      everyMs: EVERY_MS,
    }
    const argv = [process.execPath, CLIENT, JSON.stringify(order)]
    const [file = '', ...words] = hostsOf(stage).inside(home.host, argv)
    const child = spawn(file, words, {stdio: ['pipe', 'pipe', 'inherit']})
    createInterface({input: child.stdout}).on('line', (line) => {
      const {what, ...attempt} = JSON.parse(line) as SideLine
      ;(what === 'bucket' ? buckets : objects).note(attempt)
    })
    return [child]
  })
  return {
    objects,
    buckets,
    async stop() {
      const ended = children.map((child) => once(child, 'close'))
      for (const child of children) child.stdin.end()
      await Promise.all(ended)
    },
  }
}

/** What is not as the sides were promised, asked of every gateway in turn, with patience. */
export async function lostOfSides(stage: Stage, {objects}: Sides): Promise<readonly string[]> {
  const gateways = gatewaysBut(stage)
  const deadline = nowMs() + READ_MS_MAX
  const wrong: string[] = []
  for (const [turn, key] of objects.keys.entries()) {
    for (let tries = turn; ; tries += 1) {
      const gateway = gateways[tries % gateways.length] ?? ''
      const {status, body} = await request(gateway, {
        method: 'GET',
        path: `/v1/objects/${BUCKET}/${key}`,
      })
      const content = status === 200 ? sha256(body) : status === 404 ? null : undefined
      if (content === undefined && nowMs() < deadline) continue
      if (content === undefined || !objects.allows(key, content)) {
        wrong.push(`${key}: ${status} ${content ?? ''}`)
      }
      break
    }
  }
  return wrong
}
