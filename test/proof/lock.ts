/**
 * The proof of the lock: two operators at once; the holder killed or stopped while its work goes on
 * on a host; a playbook's module in between. Never do two work at the same time, and the lock is
 * free soon after its holder is gone, never while its work still runs.
 */

import {spawn, type ChildProcess} from 'node:child_process'
import {once} from 'node:events'
import {existsSync, readFileSync, rmSync} from 'node:fs'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {fileURLToPath} from 'node:url'
import {AisError} from '../../src/base/errors.ts'
import {newHolder} from '../../src/ops/run/holder.ts'
import {takeLock} from '../../src/ops/run/lock.ts'
import {topologyWith, scratchFleet, type ScratchFleet} from '../helpers/ops/scratch-fleet.ts'
import {manifestFor} from '../helpers/ops/sample-topology.ts'
import {forThisUser} from '../helpers/ops/scratch-host.ts'
import {hostsOf} from '../helpers/ops/scratch-run.ts'
import {chance, type Played, type RoundProof} from './rounds.ts'

const RUN = fileURLToPath(new URL('../helpers/ops/scratch-run.ts', import.meta.url))
const POLL_MS = 200
/** Far beyond what a lock may take to be free. */
const PATIENCE_MS = 60_000
const KINDS = ['race', 'kill', 'stop', 'playbook'] as const

export const LOCK_PROOF: RoundProof = {
  name: 'lock',
  sources: ['src/ops/run', 'src/ops/host'],
  roundsGoal: 50,
  play: (round, directory) => {
    const kind = KINDS[round % KINDS.length] ?? 'race'
    if (kind === 'race') return playRace(directory)
    if (kind === 'playbook') return playPlaybook(directory)
    return playGone(directory, kind, chance(round, 'host'))
  },
}

/** Both start at once. One works, the other is told. */
async function playRace(directory: string): Promise<Played> {
  const fleet = scratchFleet(directory)
  const working = slowUnit(fleet, 'h3')
  const runs = [startRun(directory), startRun(directory)]
  const ended = runs.map((run) => once(run, 'exit'))
  await until(() => existsSync(working))
  // The loser has ended while the winner works.
  await Promise.race(ended)
  rmSync(working)
  await Promise.all(ended)
  const outcomes = readFileSync(join(directory, 'outcome'), 'utf8').split('\n').slice(0, -1)
  const sorted = outcomes.map((line) => line.split(' ')[0] ?? '').toSorted()
  const ok = sorted.length === 2 && sorted[0] === '' && sorted[1] === 'cluster/lock'
  return {kind: 'race', ok, detail: `outcomes: ${JSON.stringify(sorted)}`}
}

/** The holder is killed or stopped while its work goes on; then the work ends. */
async function playGone(directory: string, kind: 'kill' | 'stop', draw: number): Promise<Played> {
  const fleet = scratchFleet(directory)
  const host = `h${1 + Math.floor(draw * 3)}`
  const working = slowUnit(fleet, host)
  const run = startRun(directory)
  const exit = once(run, 'exit')
  await until(() => existsSync(working))
  run.kill(kind === 'kill' ? 'SIGKILL' : 'SIGSTOP')
  const began = performance.now()
  const early = await takenWithin(fleet, 20_000)
  rmSync(working)
  const workEnded = performance.now()
  const late = await takenWithin(fleet, PATIENCE_MS)
  const freeMs = Math.round(performance.now() - Math.max(began, workEnded))
  run.kill('SIGCONT')
  run.kill('SIGKILL')
  await exit
  const detail = `${host}${early ? ', taken while its work went on' : ''}${late ? '' : ', never free'}`
  return {kind, ok: !early && late, detail, freeMs}
}

/** A playbook's module finds the host held; while a module works, a run is told so. */
async function playPlaybook(directory: string): Promise<Played> {
  const topology = topologyWith(['h1'])
  const fleet = scratchFleet(directory, topology)
  const lock = await takeLock(hostsOf(fleet), newHolder('deploy', Date.now()), Date.now)
  const manifest = forThisUser(manifestFor({topology, host: 'h1'}))
  let refused = ''
  try {
    fleet.at('h1').applyWithPython(manifest)
  } catch (error) {
    refused = error instanceof Error ? error.message : ''
  }
  await lock.release()
  const module = spawn('flock', ['-x', join(directory, 'h1/root/run/lock/aisctl.lock'), 'cat'])
  await sleep(POLL_MS)
  const told = await take(fleet)
  module.stdin.end()
  await once(module, 'exit')
  const free = await takenWithin(fleet, PATIENCE_MS)
  const ok = refused.includes('this host is being changed: ') && told !== 'taken' && free
  return {kind: 'playbook', ok, detail: told}
}

function startRun(directory: string): ChildProcess {
  return spawn(process.execPath, ['--conditions=aisctl-source', RUN, directory], {stdio: 'ignore'})
}

/** Makes a unit of this host start until the file is gone. @returns the file, there while it starts */
function slowUnit(fleet: ScratchFleet, host: string): string {
  const {root} = fleet.at(host)
  const working = join(root, '../working')
  const systemctl = readFileSync(join(root, '../bin/systemctl'), 'utf8')
  const wait = `touch ${working}; while [ -e ${working} ]; do sleep 0.1; done`
  fleet.at(host).program('systemctl', `[ "$1" != start ] || { ${wait}; }\n${systemctl}`)
  return working
}

async function take(fleet: ScratchFleet): Promise<string> {
  try {
    const lock = await takeLock(hostsOf(fleet), newHolder('other', Date.now()), Date.now)
    await lock.release()
    return 'taken'
  } catch (error) {
    if (error instanceof AisError) return error.message
    throw error
  }
}

async function takenWithin(fleet: ScratchFleet, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms
  while (performance.now() < deadline) {
    if ((await take(fleet)) === 'taken') return true
    await sleep(POLL_MS)
  }
  return false
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (!holds()) {
    if (performance.now() > deadline) throw new Error('has not come in time')
    await sleep(POLL_MS)
  }
}
