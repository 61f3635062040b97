/**
 * What failover and partition rounds have found so far: one line per round, appended and flushed as
 * soon as it is known, so that a run may end at any moment and a later one goes on. Lines are never
 * rewritten; a journal of a kernel that is no more is removed whole.
 */

import {closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync} from 'node:fs'
import {loadavg} from 'node:os'
import {fileURLToPath} from 'node:url'

export interface Round {
  readonly format: 1
  /** When it ended, for people. */
  readonly at: string
  /** Of the sources of the daemon; `-dirty` when they had changes. */
  readonly commit: string
  readonly on: 'lab' | 'playground'
  readonly kind: string
  /** Whether everything held. */
  readonly ok: boolean
  readonly problems: readonly string[]
  /** Milliseconds and counts, by name. */
  readonly measured: Readonly<Record<string, number>>
}

/** Appends a round, makes it durable and says it. */
export function noteRound(journal: string, found: Omit<Round, 'format' | 'at'>): void {
  // Times of a busy machine are its own.
  const measured = {
    ...found.measured,
    'load of the machine %': Math.round((loadavg()[0] ?? 0) * 100),
  }
  const round: Round = {format: 1, at: new Date().toISOString(), ...found, measured}
  const file = openSync(pathOf(journal), 'a')
  try {
    writeSync(file, `${JSON.stringify(round)}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  const figures = Object.entries(round.measured).map(([name, value]) => `${name} ${value}`)
  const words = round.ok ? 'ok' : `NOT OK ${round.problems.join(' | ')}`
  process.stderr.write(`${round.at} ${round.kind}: ${figures.join(', ')}: ${words}\n`)
}

/** All rounds so far; none when nothing was run. */
export function readRounds(journal: string): readonly Round[] {
  const path = pathOf(journal)
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Round)
}

function pathOf(journal: string): string {
  return fileURLToPath(new URL(`${journal}.jsonl`, import.meta.url))
}
