/**
 * What one host keeps of the cluster below /var/lib/aisctl: topology, unfinished runs, debts, the
 * audit. Reading only; what majorities of hosts agree on is for the callers.
 */

import {AisError} from '../../base/errors.ts'
import type {Host} from '../host/host.ts'
import {parseJsonObject} from '../host/output.ts'
import {commandError, runScript} from '../host/script.ts'
import type {Debt} from './debts.ts'
import {isRunId, parseHolder, type Holder} from './holder.ts'
import {JOURNAL_FORMAT, type JournalLine, type RunHeader} from './journal.ts'

/** A few files; the audit may be 8 MiB. */
const STATE_TIMEOUT_MS = 60_000

/** A run as one host has it. */
export interface RunOnHost {
  readonly run: string
  /** Absent: it is damaged, or the run's begin did not come so far. */
  readonly header?: RunHeader
  readonly lines: readonly JournalLine[]
}

export interface HostState {
  readonly host: string
  /** topology.json (ops/site: SavedState), as text. */
  readonly topology?: string
  /** Who holds the host's lock, if anybody does. */
  readonly holder?: Holder
  /** Unfinished ones, newest first; or the one that was asked for. */
  readonly runs: readonly RunOnHost[]
  /** Ids of runs that have an end there. */
  readonly ended: readonly string[]
  readonly debts: readonly Debt[]
  /** Hash of the last line of the audit; `none` when there is none. */
  readonly auditHead: string
  /** Lines as they are on disk, oldest first; only when asked for. */
  readonly audit: readonly string[]
}

export interface StateQuestion {
  readonly audit?: boolean
  /** One run, finished or not, instead of the unfinished ones. */
  readonly run?: string
}

/** @throws AisError UNREACHABLE, HOST_COMMAND; INCOMPATIBLE when a newer aisctl has written there */
export async function readHostState(
  host: Host,
  {audit = false, run}: StateQuestion = {},
): Promise<HostState> {
  const pieces = new Map<string, string[]>()
  const onLine = (line: string, stream: 'stdout' | 'stderr'): void => {
    const tab = line.indexOf('\t')
    if (stream !== 'stdout' || tab < 0) return
    const key = line.slice(0, tab)
    const own = pieces.get(key) ?? []
    pieces.set(key, own)
    own.push(line.slice(tab + 1))
  }
  const what = run === undefined ? (audit ? ['audit'] : []) : ['run', run]
  const result = await runScript(host, {
    script: 'state.sh',
    args: [host.root ?? '', ...what],
    timeoutMs: STATE_TIMEOUT_MS,
    onLine,
  })
  if (!pieces.has('done')) throw commandError(host, 'state.sh', result, 'gave no complete answer')
  return stateOf(host.name, pieces)
}

/** Asks all; a host that does not answer is an error in the place of its answer. */
export async function readAllStates(
  hosts: readonly Host[],
  question: StateQuestion = {},
): Promise<{
  readonly states: readonly HostState[]
  readonly silent: ReadonlyMap<string, AisError>
}> {
  const silent = new Map<string, AisError>()
  const answers = await Promise.all(
    hosts.map(async (host): Promise<HostState[]> => {
      try {
        return [await readHostState(host, question)]
      } catch (error) {
        if (!(error instanceof AisError)) throw error
        silent.set(host.name, error)
        return []
      }
    }),
  )
  return {states: answers.flat(), silent}
}

function stateOf(host: string, pieces: ReadonlyMap<string, readonly string[]>): HostState {
  const text = (key: string): string | undefined => {
    const found = pieces.get(key)
    return found === undefined ? undefined : Buffer.from(found.join(''), 'base64').toString('utf8')
  }
  const under = (prefix: string): string[] =>
    [...pieces.keys()]
      .filter((key) => key.startsWith(prefix))
      .map((key) => key.slice(prefix.length))
  const topology = text('topology')
  const holder = parseHolder(parseJsonObject(text('holder') ?? ''))
  return {
    host,
    ...(topology === undefined ? {} : {topology}),
    ...(holder === undefined ? {} : {holder}),
    runs: under('header ')
      .filter(isRunId)
      .map((run) => runOf(host, run, text)),
    ended: pieces.get('ended') ?? [],
    debts: under('debt ').flatMap((key) => debtOf(host, text(`debt ${key}`) ?? '')),
    auditHead: pieces.get('head')?.[0] ?? 'none',
    audit: pieces.get('audit') ?? [],
  }
}

function runOf(host: string, run: string, text: (key: string) => string | undefined): RunOnHost {
  const header = parseJsonObject(text(`header ${run}`) ?? '') as Partial<RunHeader> | undefined
  if (header !== undefined) refuseNewer(host, header.format)
  const lines = (text(`journal ${run}`) ?? '').split('\n').flatMap((line): JournalLine[] => {
    const value = parseJsonObject(line)
    return typeof value?.['act'] === 'string' ? [value as unknown as JournalLine] : []
  })
  return {run, ...(header === undefined ? {} : {header: header as RunHeader}), lines}
}

function debtOf(host: string, text: string): Debt[] {
  const debt = parseJsonObject(text) as Partial<Debt> | undefined
  if (debt === undefined) return []
  refuseNewer(host, debt.format)
  return [debt as Debt]
}

function refuseNewer(host: string, format: unknown): void {
  if (format === JOURNAL_FORMAT) return
  throw new AisError({
    code: 'INCOMPATIBLE',
    message: `${host}: the journal has format ${String(format)}, which is not known`,
    hint: 'use a newer aisctl',
  })
}
