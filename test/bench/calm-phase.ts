/**
 * Overload that is not death: for some minutes everything is slow, and nobody may be elected or
 * marked as lost; then, still under the same load, nodes really die and have to be noticed.
 */

import {type ChildProcess, spawn} from 'node:child_process'
import {availableParallelism} from 'node:os'
import {setTimeout as sleep} from 'node:timers/promises'
import {nowMs, readJson} from '../lab/stage/http.ts'
import {describe, newPrimary, others, type Play, primaryOf, whole} from '../lab/stage/play.ts'
import {hostsOf, type Stage, type StageNode} from '../lab/stage/stage.ts'

export const TROUBLES = ['spinners', 'network', 'disks'] as const

export type Trouble = (typeof TROUBLES)[number]

const DETECTED_MS_MAX = 10_000
const GIVE_UP_MS = 60_000
/**
 * What a frame meets between two hosts: 200 ms ± 100 ms and 1 % loss. A lab's line delays what a
 * host sends and what it receives, so each of the two lines on the way takes one half.
 */
const HALF_WAY = {delayMs: 100, jitterMs: 50, lossPercent: 0.5}
const FILL = 'while :; do dd if=/dev/zero of=$f bs=1M count=64 conv=fsync status=none; done'

/** Plays one trouble for so long; gives the ids of nodes whose processes it ended. */
export async function calmPhase(
  play: Play,
  trouble: Trouble,
  minutes: number,
): Promise<readonly string[]> {
  const {stage, watch, checks} = play
  const before = await epochs(stage)
  const primary = primaryOf(play)
  const end = await begin(stage, trouble)
  const beganMs = nowMs()
  try {
    await sleep(minutes * 60_000)
    const seen = watch.since(beganMs)
    const moved = seen.filter((one) => one.primary !== primary.id)
    const marked = seen.filter(({away}) => Object.keys(away).length > 0)
    const held = (await epochs(stage)) - before
    checks.measure('minutes', minutes)
    checks.measure('elections', Math.max(held, moved.length > 0 ? 1 : 0))
    checks.measure('marked', new Set(marked.flatMap(({away}) => Object.keys(away))).size)
    checks.expect(held === 0 && moved.length === 0, 'no election', {held, moved: moved.slice(0, 2)})
    checks.expect(marked.length === 0, 'nobody is marked as lost', marked[0]?.away)
    return await realDeaths(play)
  } finally {
    await end()
  }
}

async function realDeaths(play: Play): Promise<readonly string[]> {
  const {stage, watch, checks} = play
  const target = stage.nodes.findLast(({role}) => role === 'target')
  if (target === undefined) throw new Error('a cluster without targets')
  const offMs = await hostsOf(stage).powerOff([target.host])
  const living = others(stage, [target.id])
  const shows = ({id}: StageNode): boolean => watch.of(id)?.away[target.id] !== undefined
  const marked = await watch.until(() => (living.some(shows) ? true : undefined), GIVE_UP_MS)
  const spread = await watch.until(() => (living.every(shows) ? true : undefined), GIVE_UP_MS)
  if (spread !== undefined) checks.measure('all show that a target is dead ms', spread.atMs - offMs)
  const markedMs = (marked?.atMs ?? Number.POSITIVE_INFINITY) - offMs
  if (marked !== undefined) checks.measure('death of a target seen ms', markedMs)
  checks.expect(markedMs <= DETECTED_MS_MAX, 'a dead target is seen', describe(watch, stage))
  await hostsOf(stage).powerOn([target.host])
  await whole(play)
  const old = primaryOf(play)
  const killMs = await stage.kill([old])
  const next = await newPrimary(play, others(stage, [old.id]), [old.id], GIVE_UP_MS)
  const nextMs = (next?.atMs ?? Number.POSITIVE_INFINITY) - killMs
  if (next !== undefined) checks.measure('death of the primary seen ms', nextMs)
  checks.expect(nextMs <= DETECTED_MS_MAX, 'a dead primary is seen', describe(watch, stage))
  return [target.id, old.id]
}

/** Starts the trouble; the function returned ends it. */
async function begin(stage: Stage, trouble: Trouble): Promise<() => Promise<void>> {
  const faults = hostsOf(stage)
  const hosts = [...new Set(stage.nodes.map(({host}) => host))]
  switch (trouble) {
    case 'spinners': {
      const spinners = Array.from({length: availableParallelism()}, spin)
      return async () => {
        for (const one of spinners) one.kill('SIGKILL')
      }
    }
    case 'network':
      await faults.delay(hosts, HALF_WAY)
      return async () => void (await faults.heal())
    case 'disks': {
      const places = ['/var/lib/fill', '/ais/mp1/fill']
      const start = places.map((file, at) => {
        const shell = `f=${file}; [ -d $(dirname $f) ] && ${FILL}`
        return `systemd-run --quiet --unit=fill-${at} bash -c '${shell}'`
      })
      await Promise.all(hosts.map((host) => faults.run(host, start.join('; '))))
      const stop = `systemctl stop 'fill-*'; rm -f ${places.join(' ')}`
      return async () => void (await Promise.all(hosts.map((host) => faults.run(host, stop))))
    }
  }
}

function spin(): ChildProcess {
  return spawn(process.execPath, ['--eval', 'for (;;);'], {stdio: 'ignore'})
}

/** The highest epoch that a gateway knows: it counts elections, those of the same node too. */
async function epochs(stage: Stage): Promise<number> {
  const gateways = stage.nodes.filter(({role}) => role === 'proxy')
  const known = await Promise.all(
    gateways.map(({endpoint}) =>
      readJson<{epoch?: number}>(endpoint, '/v1/cluster?what=elections'),
    ),
  )
  return Math.max(...known.map((one) => one?.epoch ?? 0))
}
