/**
 * The rounds of `bench failover`, one after the other on one stage. Also a program, which `bench
 * failover` starts inside the lab's network:
 *
 *   failover-play.ts LAB KIND,KIND…
 */

import {playOn} from '../lab/stage/play.ts'
import type {Stage} from '../lab/stage/stage.ts'
import {presentCommit} from '../proof/commit.ts'
import {noteRound, type Round} from './failover-journal.ts'
import {LABS} from './lab-cluster.ts'
import {failoverRound, type Kind, problemsOf} from './failover-round.ts'

type Note = (round: Omit<Round, 'format' | 'at' | 'commit'>) => void

/** Plays the rounds; stops when the cluster does not become whole. */
export async function playFailover(
  stage: Stage,
  on: Round['on'],
  kinds: readonly Kind[],
  note: Note,
): Promise<void> {
  for (const [number, kind] of kinds.entries()) {
    const name = `f${Date.now().toString(36)}-${number}`
    const checks = await playOn(stage, {longRun: false, name}, (play) => failoverRound(play, kind))
    const problems = problemsOf(checks)
    note({on, kind, ok: problems.length === 0, problems, measured: checks.measured})
    if (problems.some((text) => text.startsWith('the cluster is whole'))) {
      throw new Error(`the cluster does not heal: ${problems.join(' | ')}`)
    }
  }
}

if (import.meta.main) {
  const [lab = '', kinds = ''] = process.argv.slice(2)
  const {labStage} = await import('../lab/stage/lab-stage.ts')
  const commit = presentCommit(['src'])
  const note: Note = (round) => noteRound('failover', {commit, ...round})
  await playFailover(labStage(lab, LABS), 'lab', kinds.split(',') as Kind[], note)
}
