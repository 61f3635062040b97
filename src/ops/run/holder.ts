/** Who holds the lock of the hosts, for what, since when; and the ids of runs. */

import {randomBytes} from 'node:crypto'
import {hostname, userInfo} from 'node:os'
import {formatDuration} from '../../base/units.ts'

/** What the loser of the lock is told. */
export interface Holder {
  readonly run: string
  /** Login of the person. */
  readonly who: string
  /** Machine that the command runs on. */
  readonly from: string
  /** The command: `node restart t1 t2`. */
  readonly what: string
  readonly sinceMs: number
}

/** A holder of this machine and login. @param run of an earlier attempt that is taken up again */
export function newHolder(what: string, nowMs: number, run = newRunId(nowMs)): Holder {
  return {run, who: loginName(), from: hostname(), what, sinceMs: nowMs}
}

/** `alice from bastion-2 runs "node restart t1" since 12:04:31 (3m)`. */
export function holderText(holder: Holder, nowMs: number): string {
  const age = formatDuration(Math.max(0, Math.round((nowMs - holder.sinceMs) / 1000) * 1000))
  return `${holder.who} from ${holder.from} runs "${holder.what}" since ${timeOf(holder.sinceMs)} (${age}; run ${holder.run})`
}

/** `2026-11-21 23:04:31Z`. */
export function timeOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')}Z`
}

/** Ids sort by the time when their runs began. */
export function newRunId(nowMs: number): string {
  const time = new Date(nowMs).toISOString().replaceAll(/[-:]/g, '').slice(0, 15)
  return `${time}-${randomBytes(3).toString('hex')}`
}

/** Whether a word can be the id of a run; it becomes part of a path. */
export function isRunId(word: string): boolean {
  return /^\d{8}T\d{6}-[0-9a-f]{6}$/.test(word)
}

/** A holder out of a host's answer; undefined when it is damaged. */
export function parseHolder(value: unknown): Holder | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const {run, who, from, what, sinceMs} = value as Record<string, unknown>
  const texts = [run, who, from, what].every((word) => typeof word === 'string')
  return texts && typeof sinceMs === 'number' ? (value as Holder) : undefined
}

/** Who is behind sudo, else the login. */
function loginName(): string {
  return process.env['SUDO_USER'] ?? userInfo().username
}
