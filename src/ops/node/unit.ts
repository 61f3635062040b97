/** Starts, stops and restarts one node's unit on its host, and says what became of it. */

import {AisError} from '../../base/errors.ts'
import type {Fleet} from '../fleet.ts'
import {parseJsonObject} from '../host/output.ts'
import {runScript} from '../host/script.ts'
import {unitOf} from '../host/manifest.ts'
import {labelOf} from '../cluster/health.ts'
import type {TopologyNode} from '../topology/resolve.ts'

export type UnitVerb = 'start' | 'stop' | 'restart' | 'enable' | 'disable'

/** The unit after the command. */
export interface UnitState {
  readonly unit: string
  readonly active: string
  readonly result: string
  /** What the node says of itself. */
  readonly status: string
}

/** A target may take 300 s to finish what it has begun to write, then start again. */
const UNIT_TIMEOUT_MS = 8 * 60_000

/**
 * @param tag sets two restarts of one node in the same run apart; the same one is not done twice
 * @throws AisError HOST_COMMAND with the unit's result and the last words of its journal
 */
export async function controlUnit(
  fleet: Fleet,
  node: TopologyNode,
  verb: UnitVerb,
  tag = '',
): Promise<UnitState> {
  const host = fleet.host(node.host)
  const unit = unitOf(node)
  const result = await runScript(host, {
    script: 'activate.sh',
    args: [verb, unit, host.root ?? '', tag],
    timeoutMs: UNIT_TIMEOUT_MS,
  })
  const state = stateOf(result.stdout)
  if (result.status === 0 && state !== undefined) return state
  const journal = result.stderr.trim().split('\n').slice(-JOURNAL_LINES)
  throw new AisError({
    code: 'HOST_COMMAND',
    message: `${labelOf(node)}: could not ${verb} ${unit}: ${reasonOf(result.status, state)}`,
    hint: `the last it said: ${journal.join(' · ') || '(nothing)'}`,
    details: {host: node.host, unit, ...state, journal},
  })
}

/** What a unit is doing, and the last words of its journal. Changes nothing. */
export async function inspectUnit(
  fleet: Fleet,
  node: TopologyNode,
): Promise<{readonly state: UnitState & {readonly exit: string}; readonly journal: string[]}> {
  const host = fleet.host(node.host)
  const args = ['show', unitOf(node), host.root ?? '']
  const result = await runScript(host, {script: 'activate.sh', args, timeoutMs: SHOW_TIMEOUT_MS})
  const unknown = {unit: unitOf(node), active: 'unknown', result: '', status: '', exit: ''}
  return {
    state: stateOf(result.stdout) ?? unknown,
    journal: result.stderr.trim().split('\n').slice(-JOURNAL_LINES),
  }
}

/** Off, and not started with the host. */
export async function disableUnit(fleet: Fleet, node: TopologyNode): Promise<void> {
  await controlUnit(fleet, node, 'disable')
}

const SHOW_TIMEOUT_MS = 20_000
/** Enough to hold the reason, few enough to be read. */
const JOURNAL_LINES = 5
const BUSY = 75

/** The one line that activate.sh says on standard output. */
function stateOf(stdout: string): (UnitState & {exit: string}) | undefined {
  const said = stdout.split('\n').map(parseJsonObject)
  return said.find((value) => value !== undefined) as (UnitState & {exit: string}) | undefined
}

function reasonOf(status: number, state: (UnitState & {exit: string}) | undefined): string {
  if (status === BUSY) return 'another run is changing this host'
  if (state === undefined) return `exit status ${status}`
  if (state.exit === '78') return 'its configuration is not valid (exit status 78)'
  if (state.result === 'timeout') return 'it did not become ready in time'
  return `${state.active}, ${state.result}${state.exit === '0' ? '' : `, exit status ${state.exit}`}`
}
