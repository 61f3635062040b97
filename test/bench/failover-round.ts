/**
 * One round of failover on a stage: the primary goes in one of five ways, under light load. How
 * long until every living node shows the new record, what clients noticed, and whether what they
 * were promised is there when the old primary has come back as an ordinary node.
 */

import {setTimeout as sleep} from 'node:timers/promises'
import type {Checks} from '../lab/stage/checks.ts'
import {nowMs} from '../lab/stage/http.ts'
import {describe, newPrimary, others, type Play, primaryOf, whole} from '../lab/stage/play.ts'
import {gatewaysBut, hostsOf, type StageNode} from '../lab/stage/stage.ts'

/** Ways to go, with the goals for the median and the 99th percentile, seconds. */
export const KINDS = {
  'killed': {p50: 1, p99: 2, rounds: 50},
  'powered-off': {p50: 4, p99: 6, rounds: 20},
  'frozen': {p50: 4, p99: 6, rounds: 20},
  'cut-off': {p50: 4, p99: 6, rounds: 20},
  'stopped': {p50: 1, p99: 1, rounds: 20},
} as const

export type Kind = keyof typeof KINDS

/** Kinds that need no hosts. */
export const PROCESS_KINDS: readonly Kind[] = ['killed', 'frozen', 'stopped']

const FAILOVER_MS_MAX = 60_000
/** Changes that nobody takes by then are no more waited for. */
const CHANGES_MS_MAX = 20_000
/** Beats come every second: a fault meets every phase of them. */
const PHASE_MS = 1000

/** Plays one round; gives the ids of nodes whose processes it ended. */
export async function failoverRound(play: Play, kind: Kind): Promise<readonly string[]> {
  const {stage, load, checks} = play
  const old = primaryOf(play)
  const expected = play.watch.of(old.id)?.heirs[0] ?? ''
  if (kind !== 'stopped') load.use(gatewaysBut(stage, [old.id]))
  await sleep(Math.random() * PHASE_MS)
  const live = others(stage, [old.id])
  const beganMs = nowMs()
  const [faultMs, next] = await Promise.all([
    strike(play, kind, old),
    newPrimary(play, live, [old.id], FAILOVER_MS_MAX),
  ])
  const elected = next?.value.primary ?? ''
  if (checks.expect(next !== undefined, 'a new primary', describe(play.watch, stage))) {
    checks.measure('failover ms', (next?.atMs ?? 0) - faultMs)
    checks.expect(elected === expected, `the successor is ${expected}`, elected)
  }
  const stallMs = await load.changesAgain(beganMs, CHANGES_MS_MAX)
  checks.measure('longest stall of changes ms', stallMs)
  noteClients(play, kind, beganMs)
  const backMs = nowMs()
  await revive(play, kind, old)
  const back = await whole(play)
  if (back !== undefined) {
    checks.measure('whole again ms', back.atMs - backMs)
    const {primary} = back.value
    checks.expect(primary === elected, 'the old primary is ordinary', `${primary} leads`)
  }
  load.use(gatewaysBut(stage))
  return kind === 'frozen' || kind === 'cut-off' ? [] : [old.id]
}

async function strike({stage, checks}: Play, kind: Kind, old: StageNode): Promise<number> {
  switch (kind) {
    case 'killed':
      return stage.kill([old])
    case 'powered-off':
      return hostsOf(stage).powerOff([old.host])
    case 'frozen':
      return stage.hosts === undefined ? stage.freeze([old]) : stage.hosts.freeze([old.host])
    case 'cut-off':
      return hostsOf(stage).cut([old.host])
    case 'stopped': {
      const {atMs, status} = await stage.stop(old)
      checks.measure('stop ms', nowMs() - atMs)
      checks.expect(/^(?:success 0|ended)$/.test(status), 'the stop ends with status 0', status)
      return atMs
    }
  }
}

async function revive({stage}: Play, kind: Kind, old: StageNode): Promise<void> {
  switch (kind) {
    case 'killed':
      // On hosts the service manager has started it meanwhile.
      if (stage.hosts === undefined) await stage.start([old])
      return
    case 'powered-off':
      return hostsOf(stage).powerOn([old.host])
    case 'frozen':
      return void (await (stage.hosts?.thaw([old.host]) ?? stage.thaw([old])))
    case 'cut-off':
      return void (await hostsOf(stage).heal())
    case 'stopped':
      return stage.start([old])
  }
}

function noteClients({load, checks}: Play, kind: Kind, sinceMs: number): void {
  const reads = load.failuresOf('read', sinceMs)
  checks.expect(reads.length === 0, 'no read fails', reads.slice(0, 3))
  checks.measure('reads failed', reads.length)
  for (const what of ['read', 'write', 'admin'] as const) {
    checks.measure(`slowest ${what} ms`, load.slowestMs(what, sinceMs))
  }
  const resets = load.resetsSince(sinceMs)
  checks.measure('connections reset', resets)
  // A gateway that stops cannot help it: what it has not accepted, the kernel resets.
  if (kind !== 'stopped') checks.expect(resets === 0, 'no connection is reset', resets)
  const changes = [...load.failuresOf('write', sinceMs), ...load.failuresOf('admin', sinceMs)]
  checks.measure('changes refused', changes.length)
  if (kind !== 'stopped') return
  checks.expect(changes.length === 0, 'no request fails', changes.slice(0, 3))
}

/** The words of what did not hold. */
export function problemsOf({checks}: Checks): readonly string[] {
  return checks.filter(({ok}) => !ok).map(({what, detail}) => `${what}: ${detail}`)
}
