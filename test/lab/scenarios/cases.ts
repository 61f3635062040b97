/** Scenarios as cases of the ring: a process plays them, each of its lines becomes a case. */

import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {createInterface} from 'node:readline'
import {fileURLToPath} from 'node:url'
import type {Test} from 'tap'
import {insideNetwork} from '../../../plugins/lab/src/lab/network.ts'
import {type LabUnderTest, stateOf} from '../lab-under-test.ts'
import {chosen} from './all.ts'
import type {Played} from './main.ts'
import type {Place} from './scenario.ts'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))

export interface CaseChoice {
  readonly long: boolean
  readonly only: readonly string[]
}

/** Plays on the hosts of a lab that has a cluster of 3 gateways and 4 targets. */
export async function hostScenarios(
  t: Test,
  under: LabUnderTest,
  choice: CaseChoice,
): Promise<void> {
  const seven = stateOf(under).hosts.length >= 7
  await onLab(t, under, choice, seven ? ['hosts', 'seven'] : ['hosts'])
}

/** Plays on the hosts of a lab that has a cluster of 2 gateways and 1 target. */
export async function smallestScenarios(
  t: Test,
  under: LabUnderTest,
  choice: CaseChoice,
): Promise<void> {
  await onLab(t, under, choice, ['smallest'])
}

async function onLab(
  t: Test,
  under: LabUnderTest,
  choice: CaseChoice,
  places: readonly Place[],
): Promise<void> {
  const names = chosen({...choice, places}).map(({name}) => name)
  if (names.length === 0) return
  const words = [under.name, under.directory, ...flags(choice), ...names]
  await playAll(t, insideNetwork(stateOf(under), command(words)), names.length)
}

/** Plays on processes of this machine. */
export async function processScenarios(t: Test, choice: CaseChoice): Promise<void> {
  const names = chosen({...choice, places: ['processes']}).map(({name}) => name)
  if (names.length === 0) return
  await playAll(t, command(['processes', '-', ...flags(choice), ...names]), names.length)
}

function flags({long}: CaseChoice): readonly string[] {
  return long ? ['--long'] : []
}

function command(words: readonly string[]): string[] {
  return [process.execPath, '--conditions=aisctl-source', MAIN, ...words]
}

async function playAll(t: Test, argv: readonly string[], count: number): Promise<void> {
  const [file = '', ...words] = argv
  const child = spawn(file, words, {stdio: ['ignore', 'pipe', 'inherit']})
  const ended = once(child, 'close')
  let played = 0
  for await (const line of createInterface({input: child.stdout})) {
    played += 1
    await asCase(t, JSON.parse(line) as Played)
  }
  const [status] = (await ended) as [number | null]
  t.same({status, played}, {status: 0, played: count}, 'all scenarios are played')
}

async function asCase(t: Test, {title, checks, measured, seconds}: Played): Promise<void> {
  await t.test(title, async (t) => {
    for (const {ok, what, detail} of checks) t.ok(ok, ok ? what : `${what}: ${detail}`)
    t.comment(`${seconds} s, ${JSON.stringify(measured)}`)
  })
}
