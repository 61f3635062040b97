/**
 * `aisctl resume`: finds runs on the hosts that have no end, makes their plans anew from what was
 * intended, and runs them under the same id. What was done is found done by the hosts' own facts.
 */

import {AisError} from '../../base/errors.ts'
import {planClusterShutdown} from '../cluster/shutdown.ts'
import {planClusterStart} from '../cluster/start.ts'
import type {Fleet} from '../fleet.ts'
import type {LifecycleOptions, LifecyclePlan} from '../lifecycle.ts'
import {planNodeRestart} from '../node/restart.ts'
import {planUpgradeAgain} from '../release/prepare-upgrade.ts'
import {planNodeStart} from '../node/start.ts'
import {planNodeStop} from '../node/stop.ts'
import {newHolder} from './holder.ts'
import {journalOver, type RunHeader} from './journal.ts'
import {takeLock} from './lock.ts'
import {readAllStates} from './read-state.ts'
import {unfinishedRuns, type UnfinishedRun} from './runs.ts'

type Make = (options: never) => Promise<LifecyclePlan>

/** Which function makes the plan of a command that can be resumed. */
const MAKERS: Readonly<Record<string, Make>> = {
  'node stop': planNodeStop,
  'node start': planNodeStart,
  'node restart': planNodeRestart,
  'cluster start': planClusterStart,
  'cluster restart': planNodeRestart,
  'cluster shutdown': planClusterShutdown,
  'cluster upgrade': planUpgradeAgain,
  'node upgrade': planUpgradeAgain,
}

/** Unfinished runs of a cluster, newest first. @throws AisError when no majority of hosts answers */
export async function findUnfinished(fleet: Fleet): Promise<readonly UnfinishedRun[]> {
  const hosts = fleet.topology.hosts.map(({name}) => fleet.host(name))
  const {states, silent} = await readAllStates(hosts)
  const [first] = silent.values()
  if (first !== undefined && states.length <= hosts.length / 2) throw first
  return unfinishedRuns(states)
}

/**
 * The one that is meant: by its id, or the only one. Undefined: none is unfinished.
 * @throws AisError NOT_FOUND for an id without an unfinished run, USAGE when several could be meant
 */
export function runMeant(
  runs: readonly UnfinishedRun[],
  id: string | undefined,
): UnfinishedRun | undefined {
  if (id === undefined && runs.length <= 1) return runs[0]
  const found = runs.find(({run}) => run === id)
  if (found !== undefined) return found
  const list = runs.map(({run, header}) => `${run} (${header.what})`).join(', ')
  throw new AisError({
    code: id === undefined ? 'USAGE' : 'NOT_FOUND',
    message:
      id === undefined
        ? `${runs.length} runs are not finished: ${list}`
        : `no unfinished run ${id}`,
    hint: list === '' ? 'nothing is left to be resumed' : `name one: aisctl resume RUN (${list})`,
  })
}

/** Whether the command is a lifecycle command; else it is a deploy. */
export function isLifecycle(header: RunHeader): boolean {
  return Object.hasOwn(MAKERS, header.intent.verb)
}

/** The plan of a lifecycle command, made anew. @throws AisError UNSUPPORTED for what is unknown */
export function planAgain(header: RunHeader, options: LifecycleOptions): Promise<LifecyclePlan> {
  const {verb, nodes, options: told} = header.intent
  const make = MAKERS[verb] as ((options: LifecycleOptions) => Promise<LifecyclePlan>) | undefined
  if (make === undefined) {
    throw new AisError({
      code: 'UNSUPPORTED',
      message: `run ${header.run}: "${verb}" cannot be resumed by this release`,
      hint: `repeat the command; then: aisctl resume ${header.run} --forget`,
    })
  }
  return make({...options, ...told, nodes})
}

/** Ends a run that nobody will finish. */
export async function forgetRun(fleet: Fleet, header: RunHeader): Promise<void> {
  const hosts = fleet.topology.hosts.map(({name}) => fleet.host(name))
  const holder = newHolder(`resume ${header.run} --forget`, Date.now())
  const lock = await takeLock(hosts, holder, Date.now)
  try {
    await journalOver(lock, Date.now).close(header, 'forgotten')
  } finally {
    await lock.release()
  }
}
