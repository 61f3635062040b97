/**
 * The proof by faults: each named fault of the lab is put into a host of a deployed cluster, and
 * the first line of `aisctl doctor` has to name it; then two at a time; then, over and over,
 * nothing, and nothing may be found. Every round is written down as soon as it is known; a later
 * run goes on with what has not been seen.
 *
 * Wants root and a deployed lab: aisctl lab up 3 --name faults --proxies 1 --targets 2, then
 * deploy.
 */

import {execFile} from 'node:child_process'
import {appendFileSync, existsSync, readFileSync} from 'node:fs'
import {setTimeout as sleep} from 'node:timers/promises'
import {fileURLToPath} from 'node:url'
import {judge, type Row} from '../bench/row.ts'

const AISCTL = fileURLToPath(new URL('../../bin/aisctl.js', import.meta.url))
const LEDGER = fileURLToPath(new URL('faults.jsonl', import.meta.url))
/** What is proven: a change elsewhere unmakes nothing. */
export const FAULT_SOURCES = [
  'src/ops/doctor',
  'src/ops/survey',
  'src/ops/check/paths.ts',
  'src/ops/host/survey.sh',
]
FAULT_SOURCES.push('plugins/lab/src/lab/host-faults.ts', 'plugins/lab/assets/fault.sh')

/** The host of the lab that the faults are put into: a target with two disks. */
const VICTIM = '2'
/** A watchdog ends a process after 30 s; systemd starts it again some seconds later. */
const FOUND_WITHIN_MS = 60_000
const WELL_WITHIN_MS = 180_000
const LOOK_AGAIN_MS = 2000
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024

/** What the first line of doctor has to say. */
const CAUSES: Readonly<Record<string, RegExp>> = {
  'port-in-use': /^h2\/target: port 51081 is in use by \S+ \(pid \d+\)/,
  'not-mounted': /^h2\/target: \/ais\/mp1 is not mounted/,
  'wrong-owner': /^h2\/target: \/ais\/mp1 belongs to root:root/,
  'read-only': /^h2\/target: \/ais\/mp1 is read-only \(EROFS\)/,
  'full-disk': /^h2\/target: \/ais\/mp1 is full \(ENOSPC\)/,
  'full-var': /^h2: \/var\S* has .*\(ENOSPC\)/,
  'bad-json': /^h2\/target: \/etc\/aisnode\/target\.json:[56]:\d+: no JSON/,
  'unknown-key': /^h2\/target: \/etc\/aisnode\/target\.json:2: colour: unknown key/,
  'out-of-range': /^h2\/target: \/etc\/aisnode\/target\.json:2: dataWorkers: expected .* 64/,
  'no-credential': /^h2\/target: its credential .*cluster-key is missing/,
  'oom': /^h2\/target: it was killed because memory ran out/,
  'exec-format': /^h2\/target: .*exec format error/,
  'old-glibc': /^h2\/target: its Node\.js needs GLIBC_\S+: the glibc of this host is too old/,
  'clock-off': /^h2: its clock is 1m(29|30|31)s ahead of the others/,
  'machine-id': /^h[23]: it has the machine-id of h[23]/,
  'mtu': /^h2: packets between it and .* pass up to 1450 bytes only/,
  'port-filtered': /^h2: ports? [0-9, ]+ of h3 .* filtered/,
  'wrong-uuid': /^h2\/target: .*target\.json names the cluster another-cluster/,
  'duplicate-id': /^h2\/target: .*has the id target-h3, which is that of h3\/target/,
  'watchdog': /^h2\/target: .*watchdog/,
}
/** Ten pairs whose parts can be there at the same time. */
const PAIRS = [
  ['port-in-use', 'mtu'],
  ['bad-json', 'full-disk'],
  ['not-mounted', 'machine-id'],
  ['wrong-owner', 'port-filtered'],
  ['read-only', 'no-credential'],
  ['full-var', 'mtu'],
  ['old-glibc', 'machine-id'],
  ['wrong-uuid', 'full-disk'],
  ['duplicate-id', 'wrong-owner'],
  ['watchdog', 'port-filtered'],
] as const

export interface FaultRound {
  readonly format: 1
  readonly at: string
  readonly commit: string
  readonly kind: 'one' | 'two' | 'clean'
  readonly faults: readonly string[]
  /** First lines of what doctor said, each cause one. */
  readonly said: readonly string[]
  readonly outcome: 'found' | 'missed' | 'not-applicable'
  readonly seconds: number
}

export interface FaultRun {
  readonly lab: string
  readonly minutes: number
  readonly commit: string
}

/** Plays what has been seen least at this commit, until the minutes are over. */
export async function proveFaults({lab, minutes, commit}: FaultRun): Promise<void> {
  const untilMs = performance.now() + minutes * 60_000
  await untilClean(lab)
  while (performance.now() < untilMs) {
    const next = nextRound(readRounds().filter((round) => round.commit === commit))
    const began = performance.now()
    const played = await play(lab, next)
    const seconds = Math.round((performance.now() - began) / 100) / 10
    const round: FaultRound = {
      format: 1,
      at: new Date().toISOString(),
      commit,
      ...next,
      ...played,
      seconds,
    }
    appendFileSync(LEDGER, `${JSON.stringify(round)}\n`, {flush: true})
    process.stderr.write(
      `${next.kind} ${next.faults.join(' + ')}: ${played.outcome} (${seconds} s) ${played.said[0] ?? ''}\n`,
    )
  }
}

type Next = Pick<FaultRound, 'kind' | 'faults'>

function nextRound(rounds: readonly FaultRound[]): Next {
  const all: Next[] = [
    ...Object.keys(CAUSES).map((name) => ({kind: 'one' as const, faults: [name]})),
    ...PAIRS.map((faults) => ({kind: 'two' as const, faults})),
  ]
  const seen = (next: Next): boolean =>
    rounds.some(({kind, faults}) => kind === next.kind && faults.join() === next.faults.join())
  return all.find((next) => !seen(next)) ?? {kind: 'clean', faults: []}
}

type Played = Pick<FaultRound, 'said' | 'outcome'>

async function play(lab: string, {kind, faults}: Next): Promise<Played> {
  if (kind === 'clean') {
    const said = await doctor(lab)
    return {said, outcome: said.length === 0 ? 'found' : 'missed'}
  }
  const put: string[] = []
  try {
    for (const fault of faults) {
      const {status} = await aisctl(['lab', 'fault', fault, VICTIM, '--name', lab])
      if (status === REFUSED) return {said: [], outcome: 'not-applicable'}
      put.push(fault)
      if (status !== 0) throw new Error(`the fault ${fault} could not be put in`)
    }
    return await untilFound(lab, faults)
  } finally {
    for (const fault of put) await undo(lab, fault)
    await untilClean(lab)
  }
}

const UNDO_TRIES = 3

async function undo(lab: string, fault: string): Promise<void> {
  for (let tried = 1; ; tried += 1) {
    const {status, stderr} = await aisctl(['lab', 'fault', fault, VICTIM, '--undo', '--name', lab])
    if (status === 0) return
    if (tried === UNDO_TRIES) throw new Error(`the fault ${fault} stays: ${stderr}`)
    await sleep(LOOK_AGAIN_MS)
  }
}

/** The first line names one of them, and every one of them is named. */
async function untilFound(lab: string, faults: readonly string[]): Promise<Played> {
  const deadline = performance.now() + FOUND_WITHIN_MS
  for (;;) {
    const said = await doctor(lab)
    const first = said[0] ?? ''
    const named = (line: string, fault: string): boolean => CAUSES[fault]?.test(line) === true
    const firstNames = faults.some((fault) => named(first, fault))
    if (firstNames && faults.every((fault) => said.some((line) => named(line, fault)))) {
      return {said, outcome: 'found'}
    }
    if (performance.now() > deadline) return {said, outcome: 'missed'}
    await sleep(LOOK_AGAIN_MS)
  }
}

async function untilClean(lab: string): Promise<void> {
  const deadline = performance.now() + WELL_WITHIN_MS
  for (;;) {
    const said = await doctor(lab)
    if (said.length === 0) return
    // A mountpath that was put aside comes back by the operator's order, which doctor names.
    const aside = said.some((line) => line.includes(`${ASIDE} is disabled`))
    if (aside) await enable(lab)
    if (performance.now() > deadline) {
      throw new Error(`the lab does not become well: ${said.join(' · ')}`)
    }
    await sleep(LOOK_AGAIN_MS)
  }
}

const ASIDE = '/ais/mp1'

async function enable(lab: string): Promise<void> {
  const words = ['storage', 'mountpath', 'enable', `target-h${VICTIM}=${ASIDE}`]
  await aisctl(['lab', 'ns', '--name', lab, process.execPath, AISCTL, ...words])
}

/** What `aisctl doctor` says, without reasons and remedies; nothing when nothing is wrong. */
async function doctor(lab: string): Promise<string[]> {
  const {stdout, stderr, status} = await aisctl([
    'lab',
    'ns',
    '--name',
    lab,
    process.execPath,
    AISCTL,
    'doctor',
  ])
  if (status !== 0 && status !== 1) throw new Error(`doctor ended with ${status}: ${stderr}`)
  const lines = stdout.split('\n').filter((line) => line !== '' && !line.startsWith('  '))
  return lines.filter((line) => !line.startsWith('Nothing is wrong'))
}

const REFUSED = 4

interface Ended {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

function aisctl(words: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const options = {maxBuffer: OUTPUT_BYTES_MAX}
    const child = execFile(
      process.execPath,
      [AISCTL, ...words],
      options,
      (_error, stdout, stderr) => {
        resolve({status: child.exitCode ?? 128, stdout, stderr})
      },
    )
  })
}

export function readRounds(): readonly FaultRound[] {
  if (!existsSync(LEDGER)) return []
  return readFileSync(LEDGER, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as FaultRound)
}

/** The sum, of everything and of the present commit. */
export function reportFaults(rounds: readonly FaultRound[], commit: string): readonly Row[] {
  const present = rounds.filter((round) => round.commit === commit)
  return [...figures('all commits', rounds, false), ...figures(`commit ${commit}`, present, true)]
}

function figures(label: string, rounds: readonly FaultRound[], judged: boolean): readonly Row[] {
  const of = (kind: FaultRound['kind'], outcome?: FaultRound['outcome']): FaultRound[] =>
    rounds.filter(
      (round) => round.kind === kind && (outcome === undefined || round.outcome === outcome),
    )
  const row = (metric: string, value: number, n: number, goal: string): Row =>
    judge({metric: `${label}: ${metric}`, unit: 'rounds', value, n, ...(judged ? {goal} : {})})
  const named = new Set(of('one', 'found').flatMap(({faults}) => faults))
  return [
    row('faults named in the first line', named.size, of('one').length, 'value>=19'),
    row('faults missed', of('one', 'missed').length, of('one').length, 'value<=1'),
    row('not applicable here', of('one', 'not-applicable').length, of('one').length, 'value<=1'),
    row('pairs found', of('two', 'found').length, of('two').length, 'value>=10'),
    row('clean runs', of('clean').length, of('clean').length, 'value>=1000'),
    row('clean runs with a finding', of('clean', 'missed').length, of('clean').length, 'value<=0'),
  ]
}
