/**
 * What a run leaves on its hosts: header, steps of the cluster, debts, end, and two lines of the
 * audit. Written to all held hosts; a majority of the cluster's hosts must have it.
 */

import type {Debt} from './debts.ts'
import type {Holder} from './holder.ts'
import type {HeldHost} from './held-host.ts'
import type {RunLock} from './lock.ts'

/** Number of the shape of headers, lines, audit and debts. */
export const JOURNAL_FORMAT = 1
export const AUDIT_FILE = 'audit.jsonl'

/** What is to be true, as asked: enough to make the plan anew. Never a secret. */
export interface Intent {
  /** The command without its nodes: `node restart`. */
  readonly verb: string
  /** Ids of the nodes that were meant; empty: all. */
  readonly nodes: readonly string[]
  /** What else the command was told. */
  readonly options: Readonly<Record<string, unknown>>
}

/** What a run is about to do, on disk before it does it. */
export interface RunHeader extends Holder {
  readonly format: 1
  readonly cluster: string
  readonly uuid: string
  readonly intent: Intent
  /** Ids of the plan's steps, in order. */
  readonly steps: readonly string[]
  /** Hosts that were locked. */
  readonly hosts: readonly string[]
}

/** `undone`: it failed and has put back what it changed: nothing is left to be resumed. */
export type RunOutcome = 'done' | 'failed' | 'undone' | 'interrupted' | 'forgotten' | 'superseded'

/** One line of a run's host.jsonl. */
export interface JournalLine {
  readonly at: string
  readonly act: string
  readonly state: 'begin' | 'done' | 'failed' | 'skipped' | RunOutcome
  readonly what?: string
}

/** One line of the audit, as it is written: the hash of the line before is put in by the host. */
export interface AuditLine {
  readonly format: 1
  readonly at: string
  readonly run: string
  readonly event: 'begin' | 'resume' | 'end'
  readonly who: string
  readonly from: string
  readonly what: string
  /** Of an end. */
  readonly outcome?: RunOutcome
  readonly detail?: string
  /** Of a begin: how the audit of every host ended before, shortened. */
  readonly heads?: Readonly<Record<string, string>>
}

/** Bytes of a head that are kept in others' audits: 64 bits tell any change. */
const HEAD_CHARS = 16

export interface Journal {
  begin(header: RunHeader, resumed: boolean): Promise<void>
  /** A step of the cluster; resolves when a majority has it. */
  note(line: Omit<JournalLine, 'at'>): Promise<void>
  owe(debts: readonly Debt[], paid: readonly string[]): Promise<void>
  /** Ends the run, or leaves it for resume when it was not done. */
  end(outcome: RunOutcome, detail: string): Promise<void>
  /** Tells one host of the end of a run that others know already. */
  tell(host: string, run: string): Promise<void>
  /** Ends another run, which is not to be resumed. */
  close(other: Holder, outcome: RunOutcome): Promise<void>
}

export function journalOver(lock: RunLock, nowMs: () => number): Journal {
  const {run} = lock.holder
  const everywhere = (write: (host: HeldHost) => Promise<void>): Promise<void> =>
    onMajority(lock, write)
  const audit = (holder: Holder, more: Pick<AuditLine, 'event'> & Partial<AuditLine>): string =>
    JSON.stringify({...auditLine(holder, nowMs()), ...more})
  const line = (one: Omit<JournalLine, 'at'>): string => journalLine(one, nowMs())
  const endLine = (outcome: RunOutcome, what: string): string =>
    line({act: isOver(outcome) ? 'end' : 'stop', state: outcome, what})
  return {
    begin: async (header, resumed) => {
      const heads = Object.fromEntries(
        [...lock.found].map(([name, {head}]) => [name, head.slice(0, HEAD_CHARS)]),
      )
      const begun = audit(lock.holder, {event: resumed ? 'resume' : 'begin', heads})
      await everywhere(async (host) => {
        await host.put(`runs/${run}/header.json`, `${JSON.stringify(header, null, 2)}\n`)
        const first = line({act: resumed ? 'resume' : 'run', state: 'begin', what: header.what})
        await host.append(`runs/${run}/host.jsonl`, first)
        await host.chain(AUDIT_FILE, begun)
      })
    },
    note: (one) => everywhere((host) => host.append(`runs/${run}/host.jsonl`, line(one))),
    owe: (debts, paid) =>
      everywhere(async (host) => {
        for (const debt of debts) await host.put(debtFile(debt.key), `${JSON.stringify(debt)}\n`)
        for (const key of paid) await host.remove(debtFile(key))
      }),
    end: (outcome, detail) =>
      everywhere(async (host) => {
        await host.append(`runs/${run}/host.jsonl`, endLine(outcome, detail))
        await host.chain(AUDIT_FILE, audit(lock.holder, {event: 'end', outcome, detail}))
        await host.prune()
      }),
    tell: async (name, ended) => {
      const text = line({act: 'end', state: 'done', what: 'as other hosts know'})
      const host = lock.hosts.find((one) => one.name === name)
      await host?.append(`runs/${ended}/host.jsonl`, text)
    },
    close: (other, outcome) =>
      everywhere(async (host) => {
        const detail = `by ${lock.holder.run}`
        await host.append(`runs/${other.run}/host.jsonl`, endLine(outcome, detail))
        await host.chain(AUDIT_FILE, audit(other, {event: 'end', outcome, detail}))
      }),
  }
}

/** Whether nothing of the run is left to be resumed. */
export function isOver(outcome: RunOutcome): boolean {
  return outcome !== 'failed' && outcome !== 'interrupted'
}

/** Resolves when so many hosts have it that every majority has one of them. */
async function onMajority(lock: RunLock, write: (host: HeldHost) => Promise<void>): Promise<void> {
  const tries = await Promise.allSettled(lock.hosts.map(write))
  const failed = tries.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error] : []))
  const [first] = failed
  if (first !== undefined && tries.length - failed.length < lock.majority) throw first
}

function journalLine(one: Omit<JournalLine, 'at'>, ms: number): string {
  return JSON.stringify({at: isoSeconds(ms), ...one})
}

function auditLine({run, who, from, what}: Holder, ms: number): Omit<AuditLine, 'event'> {
  return {format: JOURNAL_FORMAT, at: isoSeconds(ms), run, who, from, what}
}

/** Invariant: keys are words without slashes; they are names of files on hosts. */
function debtFile(key: string): string {
  return `debts/${key.replaceAll(/[^A-Za-z0-9._-]/g, '_')}.json`
}

function isoSeconds(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}
