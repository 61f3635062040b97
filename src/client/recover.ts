/** Carries a planned recovery out, and waits until the survivors say that it is so. */

import {setTimeout as sleep} from 'node:timers/promises'
import {AisError} from '../base/errors.ts'
import {formatDuration} from '../base/units.ts'
import {nodeLabel} from '../model/ids.ts'
import type {ClusterClient} from './cluster.ts'
import {mapParallel} from './cluster.ts'
import {EVIDENCE_POLL_MS} from './limits.ts'
import type {RecoveryPlan} from './recovery-plan.ts'

export interface RecoverOptions {
  /** How long the survivors may take to follow. */
  readonly timeoutMs: number
  onProgress?(text: string): void
}

export interface Recovered {
  readonly primary: string
  readonly epoch: number
  readonly index: number
  readonly tookMs: number
}

/** @throws AisError when the cluster refuses, or when not every survivor follows in time */
export async function recover(
  client: ClusterClient,
  plan: RecoveryPlan,
  options: RecoverOptions,
): Promise<Recovered> {
  const beganMs = performance.now()
  const {id, url} = plan.leader
  options.onProgress?.(`${nodeLabel('proxy', id)} is to take office`)
  const doubt = await order(client, plan)
  for (;;) {
    const late = await notFollowing(client, plan)
    if (late.length === 0) {
      const {epoch, index} = await client.leadership.elections(url)
      return {primary: id, epoch, index, tookMs: performance.now() - beganMs}
    }
    if (performance.now() - beganMs > options.timeoutMs)
      throw notRecovered(late, plan, {options, doubt})
    const follow = plan.survivors.length - late.length
    options.onProgress?.(`${follow} of ${plan.survivors.length} survivors follow`)
    await sleep(EVIDENCE_POLL_MS)
  }
}

/** Resolves with the error when nobody knows whether it was done: the survivors will tell. */
async function order(
  client: ClusterClient,
  {uuid, survivors, leader}: RecoveryPlan,
): Promise<AisError | undefined> {
  try {
    await client.leadership.recover(leader.url, {uuid, survivors})
    return undefined
  } catch (error) {
    if (error instanceof AisError && error.code === 'OUTCOME_UNKNOWN') return error
    throw error
  }
}

/** Survivors that do not follow the new primary in its epoch, each with what it says instead. */
async function notFollowing(
  client: ClusterClient,
  {survivors, leader, record}: RecoveryPlan,
): Promise<readonly string[]> {
  const said = await mapParallel(survivors, async (id) => {
    try {
      const answer = await client.leadership.recoveryOf(id)
      const {primary, accepted} = answer
      const follows = primary?.id === leader.id && (primary.live || answer.leads > 0)
      if (follows && (accepted?.epoch ?? 0) > record.epoch) return ''
      return `${id} follows ${primary === null ? 'nobody' : primary.id}`
    } catch (error) {
      if (!(error instanceof AisError) || error.code === 'INTERRUPTED') throw error
      return `${id} does not answer`
    }
  })
  return said.filter((text) => text !== '')
}

function notRecovered(
  late: readonly string[],
  {leader}: RecoveryPlan,
  {options, doubt}: {readonly options: RecoverOptions; readonly doubt: AisError | undefined},
): AisError {
  const label = nodeLabel('proxy', leader.id)
  const first = doubt === undefined ? '' : `${doubt.message}; `
  return new AisError(
    {
      code: doubt?.code ?? 'TIMED_OUT',
      message: `${first}not all survivors follow ${label} after ${formatDuration(options.timeoutMs)}: ${late.join('; ')}`,
      hint: 'look: aisctl show elections · aisctl show cluster; repeating the command is safe',
      details: {late},
    },
    doubt,
  )
}
