/**
 * The audit of several hosts as one history, and whether anything was altered in it: each host's
 * lines are a chain of hashes, and each run's first line tells how the chains of the others ended.
 */

import {parseJsonObject} from '../host/output.ts'
import {sha256} from '../host/manifest.ts'
import type {AuditLine, RunOutcome} from './journal.ts'

/** One run in the history. */
export interface AuditRun {
  readonly run: string
  readonly who: string
  readonly from: string
  readonly what: string
  readonly began: string
  /** Empty while it goes on, or when it was killed. */
  readonly ended: string
  readonly outcome: RunOutcome | 'unfinished'
  readonly detail: string
  /** Hosts that know of it. */
  readonly hosts: readonly string[]
}

export interface AuditBreak {
  readonly host: string
  /** From 1; 0: the chain as a whole. */
  readonly line: number
  readonly why: string
}

export interface HostAudit {
  readonly host: string
  readonly audit: readonly string[]
}

/** Newest last. */
export function historyOf(hosts: readonly HostAudit[]): readonly AuditRun[] {
  const runs = new Map<string, AuditRun>()
  for (const {host, audit} of hosts) {
    for (const line of audit.map(parseLine)) {
      if (line !== undefined) runs.set(line.run, withLine(runs.get(line.run), line, host))
    }
  }
  return [...runs.values()].toSorted((a, b) => (a.run < b.run ? -1 : 1))
}

/** What was altered or cut off; empty: nothing. */
export function verifyAudit(hosts: readonly HostAudit[]): readonly AuditBreak[] {
  const chains = hosts.map((host) => ({...host, heads: headsOf(host.audit)}))
  return [
    ...chains.flatMap(({host, audit, heads}) => brokenLinks(host, audit, heads)),
    ...chains.flatMap(({host, heads}) => missingHeads(host, heads, hosts)),
  ]
}

function withLine(known: AuditRun | undefined, line: AuditLine, host: string): AuditRun {
  const {run, who, from, what, at, event} = line
  const outcome = 'unfinished'
  const fresh: AuditRun = {
    run,
    who,
    from,
    what,
    began: at,
    ended: '',
    outcome,
    detail: '',
    hosts: [],
  }
  const before = known ?? fresh
  const hosts = before.hosts.includes(host) ? before.hosts : [...before.hosts, host]
  if (event !== 'end') return {...before, hosts, began: at < before.began ? at : before.began}
  if (at < before.ended) return {...before, hosts}
  return {
    ...before,
    hosts,
    ended: at,
    outcome: line.outcome ?? 'unfinished',
    detail: line.detail ?? '',
  }
}

/** Hash of each line. */
function headsOf(audit: readonly string[]): readonly string[] {
  return audit.map((line) => sha256(`${line}\n`))
}

function brokenLinks(
  host: string,
  audit: readonly string[],
  heads: readonly string[],
): AuditBreak[] {
  return audit.flatMap((text, at) => {
    const prev = parseJsonObject(text)?.['prev']
    // A line that was torn by a power cut is covered by the hash in the next one.
    if (prev === undefined) return []
    const before = heads[at - 1]
    if (before === undefined || prev === before) return []
    return [{host, line: at + 1, why: 'the line before it was altered, added or removed'}]
  })
}

/** Heads of this host's chain that others have seen, and that it has no more. */
function missingHeads(
  host: string,
  heads: readonly string[],
  hosts: readonly HostAudit[],
): AuditBreak[] {
  const oldest = hosts.find((one) => one.host === host)?.audit[0] ?? ''
  const since = parseLine(oldest)?.at ?? ''
  const known = [...headBefore(oldest), ...heads]
  const gone = new Map<string, AuditBreak>()
  for (const other of hosts) {
    for (const line of other.audit.map(parseLine)) {
      const seen = line?.heads?.[host]
      if (line === undefined || seen === undefined || seen === 'none') continue
      // Older than what is kept of the chain: it was moved away by the audit's own limit.
      if (line.at < since && heads.length > 0) continue
      if (known.some((head) => head.startsWith(seen))) continue
      const why = `lines that ${other.host} has seen at ${line.at} (run ${line.run}) are missing`
      gone.set(seen, {host, line: 0, why})
    }
  }
  return [...gone.values()]
}

/** The line before the oldest that is kept was moved away, too: its hash stands in that one. */
function headBefore(oldest: string): readonly string[] {
  const prev = parseJsonObject(oldest)?.['prev']
  return typeof prev === 'string' ? [prev] : []
}

function parseLine(text: string): AuditLine | undefined {
  const value = parseJsonObject(text)
  const known = typeof value?.['run'] === 'string' && typeof value['at'] === 'string'
  return known ? (value as unknown as AuditLine) : undefined
}
