/** Runs as a majority of hosts knows them: which are not finished, and how far each has come. */

import type {NewDebt} from './debts.ts'
import {timeOf} from './holder.ts'
import type {RunHeader} from './journal.ts'
import type {HostState} from './read-state.ts'

/** A run without an end. */
export interface UnfinishedRun {
  readonly run: string
  readonly header: RunHeader
  /** Why it stopped in order; undefined: it was killed, or it goes on. */
  readonly stopped?: string
  /** `h1: files` and the like: acts that were begun and have no outcome. */
  readonly open: readonly string[]
}

/** Newest first. A run that has an end on any host has ended. */
export function unfinishedRuns(states: readonly HostState[]): readonly UnfinishedRun[] {
  const found = new Map<string, {header?: RunHeader; stopped?: string; open: string[]}>()
  const ended = new Set(states.flatMap((state) => state.ended))
  for (const {host, runs} of states) {
    for (const {run, header, lines} of runs) {
      const one = found.get(run) ?? {open: []}
      found.set(run, one)
      if (header !== undefined) one.header = header
      const last = lines.findLast(({act}) => act === 'stop' || act === 'resume' || act === 'run')
      if (last?.act === 'stop') one.stopped = last.what ?? ''
      one.open.push(...openActs(lines).map((act) => `${host}: ${act}`))
    }
  }
  return [...found]
    .flatMap(([run, {header, stopped, open}]) => {
      if (header === undefined || ended.has(run)) return []
      return [{run, header, open, ...(stopped === undefined ? {} : {stopped})}]
    })
    .toSorted((a, b) => (a.run < b.run ? 1 : -1))
}

/** Hosts that have missed the end of a run which others know. */
export function missedEnds(
  states: readonly HostState[],
): readonly {readonly host: string; readonly run: string}[] {
  const ended = new Set(states.flatMap((state) => state.ended))
  return states.flatMap(({host, runs, ended: here}) =>
    runs.flatMap(({run}) => (ended.has(run) && !here.includes(run) ? [{host, run}] : [])),
  )
}

/** The same as debts: somebody has to finish them, or say that nobody will. */
export function debtsOfRuns(runs: readonly UnfinishedRun[]): readonly NewDebt[] {
  return runs.map(({run, header, stopped}) => ({
    key: `run:${run}`,
    what: `"${header.what}" by ${header.who}, begun ${timeOf(header.sinceMs)}, ${stopped === undefined ? 'was not finished' : `stopped: ${stopped}`}`,
    pay: `aisctl resume ${run}`,
  }))
}

/** Whether a finished run leaves nothing of an earlier one to be done. */
export function supersedes(later: RunHeader, earlier: RunHeader): boolean {
  if (later.run === earlier.run || later.uuid !== earlier.uuid) return false
  const {verb, nodes} = later.intent
  if (verb !== earlier.intent.verb) return false
  if (nodes.length === 0) return true
  return earlier.intent.nodes.length > 0 && earlier.intent.nodes.every((id) => nodes.includes(id))
}

function openActs(lines: readonly {readonly act: string; readonly state: string}[]): string[] {
  const open = new Set<string>()
  for (const {act, state} of lines) {
    if (['run', 'resume', 'stop', 'end'].includes(act)) continue
    if (state === 'begin') open.add(act)
    else open.delete(act)
  }
  return [...open]
}
