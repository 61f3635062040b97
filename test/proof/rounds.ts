/**
 * Proofs that add up round by round: each round is played on scratch hosts, written down as soon as
 * its outcome is known, and never rewritten. A later run goes on with the next round.
 */

import {createHash} from 'node:crypto'
import {appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {judge, type Row} from '../bench/row.ts'

/** What came of one round. */
export interface Played {
  readonly kind: string
  readonly ok: boolean
  /** Where it struck, and what was wrong. */
  readonly detail: string
  /** How long the lock was not free after its holder was gone, if that was measured. */
  readonly freeMs?: number
}

export interface RoundProof {
  readonly name: string
  /** What is proven: a change elsewhere unmakes nothing. */
  readonly sources: readonly string[]
  readonly roundsGoal: number
  /** @param directory empty, of this round alone */
  play(round: number, directory: string): Promise<Played>
}

interface KeptRound extends Played {
  readonly format: 1
  readonly at: string
  readonly commit: string
  readonly round: number
}

/** A lock must be free again after so long. */
const FREE_GOAL_MS = 20_000

export async function proveRounds(
  proof: RoundProof,
  {minutes, commit}: {readonly minutes: number; readonly commit: string},
): Promise<void> {
  const until = performance.now() + minutes * 60_000
  for (let round = readKept(proof).length + 1; performance.now() < until; round++) {
    const directory = mkdtempSync(join(tmpdir(), `proof-${proof.name}-`))
    const played = await proof.play(round, directory).catch(brokenBy)
    rmSync(directory, {recursive: true, force: true})
    const kept: KeptRound = {format: 1, at: new Date().toISOString(), commit, round, ...played}
    appendFileSync(ledgerOf(proof), `${JSON.stringify(kept)}\n`, {flush: true})
    process.stderr.write(
      `${round} ${played.kind}: ${played.ok ? 'ok' : 'WRONG'} ${played.detail}\n`,
    )
  }
}

function brokenBy(error: unknown): Played {
  const detail = error instanceof Error ? error.message : String(error)
  return {kind: 'broken', ok: false, detail}
}

export function reportRounds(proof: RoundProof, commit: string): readonly Row[] {
  const kept = readKept(proof)
  const present = kept.filter((round) => round.commit === commit)
  return [
    ...rowsOf('all commits', kept, undefined),
    ...rowsOf(`commit ${commit}`, present, proof.roundsGoal),
  ]
}

/** Numbers that depend on the round alone: [0, 1). */
export function chance(round: number, what: string): number {
  const hash = createHash('sha256').update(`${round} ${what}`).digest()
  return hash.readUInt32LE(0) / 2 ** 32
}

function rowsOf(label: string, rounds: readonly KeptRound[], goal: number | undefined): Row[] {
  const wrong = rounds.filter(({ok}) => !ok).length
  const free = rounds.flatMap(({freeMs}) => freeMs ?? [])
  const row = (metric: string, unit: string, value: number, wanted?: string): Row => {
    const figure = {metric: `${label}: ${metric}`, unit, value, n: rounds.length}
    return judge(wanted === undefined || goal === undefined ? figure : {...figure, goal: wanted})
  }
  const kinds = [...new Set(rounds.map(({kind}) => kind))].toSorted()
  return [
    row('rounds', 'rounds', rounds.length, `value>=${goal ?? 0}`),
    ...kinds.map((kind) => row(kind, 'rounds', rounds.filter((one) => one.kind === kind).length)),
    row('wrong', 'rounds', wrong, 'value<=0'),
    row('lock free after, at most', 'ms', Math.max(0, ...free), `value<=${FREE_GOAL_MS}`),
  ]
}

function readKept(proof: RoundProof): readonly KeptRound[] {
  const file = ledgerOf(proof)
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as KeptRound)
}

function ledgerOf({name}: RoundProof): string {
  return fileURLToPath(new URL(`${name}.jsonl`, import.meta.url))
}
