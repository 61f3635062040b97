/**
 * The proof by killing: the operator's process at every step of a run, a process on a host at every
 * flush, a connection after so many bytes. After resume the hosts are as an undisturbed run leaves
 * them, no run is unfinished, nothing differs from the manifests, and the audit is whole.
 */

import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {existsSync, readdirSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {Readable, Transform} from 'node:stream'
import {setTimeout as sleep} from 'node:timers/promises'
import {fileURLToPath} from 'node:url'
import {isDeepStrictEqual} from 'node:util'
import {AisError} from '../../src/base/errors.ts'
import type {Host, HostRun} from '../../src/ops/host/host.ts'
import {verifyAudit} from '../../src/ops/run/audit.ts'
import {readAllStates} from '../../src/ops/run/read-state.ts'
import {unfinishedRuns} from '../../src/ops/run/runs.ts'
import {scratchFleet, type ScratchFleet} from '../helpers/ops/scratch-fleet.ts'
import {endState, hostsOf, performRun, restartsOf} from '../helpers/ops/scratch-run.ts'
import {chance, type RoundProof} from './rounds.ts'

const RUN = fileURLToPath(new URL('../helpers/ops/scratch-run.ts', import.meta.url))
/** Lines that a run leaves on its three hosts, about; and flushes and bytes of one host. */
const LINES = 60
const FLUSHES = 40
const BYTES = 60_000
const RESUMES_MAX = 40
const AGAIN_MS = 500

export const KILL_PROOF: RoundProof = {
  name: 'kill',
  sources: ['src/ops/run', 'src/ops/host', 'src/ops/plan'],
  roundsGoal: 200,
  play: async (round, directory) => {
    const calm = scratchFleet(join(directory, 'calm'))
    await performRun(calm)
    const struck = join(directory, 'struck')
    const {kind, where, restarts} = await strike(round, struck)
    const fleet = scratchFleet(struck)
    await resumeAll(fleet)
    const wrong = await whatIsWrong(fleet, endState(calm), restarts)
    return {kind, ok: wrong === '', detail: `${where} ${wrong}`.trim()}
  },
}

interface Strike {
  readonly kind: 'operator' | 'host' | 'connection'
  readonly where: string
  /** How often the unit may have been restarted, the resumed run included. */
  readonly restarts: number
}

async function strike(round: number, directory: string): Promise<Strike> {
  const host = `h${1 + (round % 3)}`
  switch (Math.floor(chance(round, 'kind') * 3)) {
    case 0: {
      const lines = Math.ceil(chance(round, 'lines') * LINES)
      await killOperator(directory, lines)
      return {kind: 'operator', where: `line ${lines}`, restarts: 2}
    }
    case 1: {
      const flush = Math.ceil(chance(round, 'flush') * FLUSHES)
      const fleet = scratchFleet(directory)
      killAtFlush(fleet, host, flush)
      await quietly(performRun(fleet))
      return {kind: 'host', where: `${host}, flush ${flush}`, restarts: 2}
    }
    default: {
      const bytes = Math.ceil(chance(round, 'bytes') * BYTES)
      await quietly(performRun(cutting(scratchFleet(directory), host, bytes)))
      return {kind: 'connection', where: `${host}, byte ${bytes}`, restarts: 2}
    }
  }
}

/** Ends when the process has been killed, or has ended before. */
async function killOperator(directory: string, lines: number): Promise<void> {
  scratchFleet(directory)
  const child = spawn(process.execPath, ['--conditions=aisctl-source', RUN, directory], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const exit = once(child, 'exit')
  while (child.exitCode === null && linesOf(directory) < lines) await sleep(5)
  child.kill('SIGKILL')
  await exit
}

/** Journal lines on all hosts. */
function linesOf(directory: string): number {
  const counts = ['h1', 'h2', 'h3'].flatMap((host) => {
    const runs = join(directory, host, 'root/var/lib/aisctl/runs')
    if (!existsSync(runs)) return []
    return readdirSync(runs).map((run) => {
      const file = join(runs, run, 'host.jsonl')
      return existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0
    })
  })
  return counts.reduce((sum, count) => sum + count, 0)
}

function killAtFlush(fleet: ScratchFleet, host: string, flush: number): void {
  const count =
    'n=$(($(cat $SCRATCH/flushes 2>/dev/null || echo 0) + 1)); echo $n >$SCRATCH/flushes'
  const kill = `[ $n != ${flush} ] || kill -9 $PPID`
  fleet.at(host).program('sync', `${count}\n${kill}\nexec /bin/sync "$@"`)
}

/** After so many bytes the connection is gone: for this command and for all that follow. */
function cutting(fleet: ScratchFleet, name: string, bytes: number): ScratchFleet {
  const left = {bytes}
  const gone = (): AisError =>
    new AisError({code: 'UNREACHABLE', message: `${name}: the connection was lost`})
  const run = async (host: Host, command: HostRun): ReturnType<Host['run']> => {
    if (left.bytes <= 0) throw gone()
    const lost = Promise.withResolvers<never>()
    const counted = new Transform({
      transform: (chunk: Uint8Array, _encoding, done) => {
        left.bytes -= chunk.length
        if (left.bytes > 0) return done(null, chunk)
        lost.reject(gone())
        counted.push(chunk.subarray(0, chunk.length + left.bytes))
        counted.push(null)
        return done()
      },
    })
    const input = command.input ?? ''
    const source = input instanceof Readable ? input : Readable.from([Buffer.from(input)])
    source.pipe(counted)
    return Promise.race([host.run({...command, input: counted}), lost.promise])
  }
  const host = (wanted: string): Host => {
    const real = fleet.host(wanted)
    if (wanted !== name) return real
    return {
      ...real,
      run: (command) => run(real, command),
      get runId() {
        return real.runId
      },
    }
  }
  return {...fleet, host}
}

/** Until nothing is left to be resumed. */
async function resumeAll(fleet: ScratchFleet): Promise<void> {
  for (let time = 0; time < RESUMES_MAX; time++) {
    const [left] = unfinishedRuns((await readAllStates(hostsOf(fleet))).states)
    const run = await quietly(performRun(fleet, left === undefined ? {} : {resumes: left.header}))
    if (run?.outcome.failed.length === 0 && run.debtLine === undefined) return
    await sleep(AGAIN_MS)
  }
}

async function whatIsWrong(
  fleet: ScratchFleet,
  expected: unknown,
  restarts: number,
): Promise<string> {
  const {states} = await readAllStates(hostsOf(fleet), {audit: true})
  const breaks = verifyAudit(states)
  const wrong = [
    ...(isDeepStrictEqual(endState(fleet), expected) ? [] : ['another end state']),
    ...unfinishedRuns(states).map(({run}) => `${run} is not finished`),
    ...breaks.map(({host, line, why}) => `audit of ${host}, line ${line}: ${why}`),
    ...(restartsOf(fleet) <= restarts ? [] : [`${restartsOf(fleet)} restarts`]),
  ]
  return wrong.join('; ')
}

/** What was killed may end in any way. */
async function quietly<Result>(work: Promise<Result>): Promise<Result | undefined> {
  try {
    return await work
  } catch (error) {
    if (error instanceof Error) return undefined
    throw error
  }
}
