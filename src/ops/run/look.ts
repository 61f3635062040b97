/** What commands show of runs: the audit of all hosts as one, and open debts. */

import type {AisError} from '../../base/errors.ts'
import type {Fleet} from '../fleet.ts'
import {historyOf, verifyAudit, type AuditBreak, type AuditRun} from './audit.ts'
import type {NewDebt} from './debts.ts'
import {readAllStates, type HostState} from './read-state.ts'
import {debtsOfRuns, unfinishedRuns} from './runs.ts'

export interface AuditLook {
  readonly runs: readonly AuditRun[]
  readonly breaks: readonly AuditBreak[]
  readonly silent: ReadonlyMap<string, AisError>
}

/** @throws AisError when no host answers */
export async function lookAtAudit(fleet: Fleet): Promise<AuditLook> {
  const {states, silent} = await ask(fleet, true)
  return {runs: historyOf(states), breaks: verifyAudit(states), silent}
}

/** Debts that are recorded, and runs that nobody has finished. @throws AisError as above */
export async function lookAtDebts(fleet: Fleet): Promise<{
  readonly debts: readonly NewDebt[]
  readonly silent: ReadonlyMap<string, AisError>
}> {
  const {states, silent} = await ask(fleet, false)
  const recorded = new Map(states.flatMap(({debts}) => debts.map((debt) => [debt.key, debt])))
  return {debts: [...recorded.values(), ...debtsOfRuns(unfinishedRuns(states))], silent}
}

async function ask(
  fleet: Fleet,
  audit: boolean,
): Promise<{
  readonly states: readonly HostState[]
  readonly silent: ReadonlyMap<string, AisError>
}> {
  const hosts = fleet.topology.hosts.map(({name}) => fleet.host(name))
  const found = await readAllStates(hosts, {audit})
  const [first] = found.silent.values()
  if (found.states.length === 0 && first !== undefined) throw first
  return found
}
