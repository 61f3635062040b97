/**
 * Looking at what goes on until it has ended: more rarely the longer it takes. A change of primary,
 * or a cluster that is silent for a while, ends nothing: waits never return early.
 */

import {setTimeout as sleep} from 'node:timers/promises'
import {AisError, type ErrorCode} from '../base/errors.ts'
import type {OperationAnswer} from '../wire/operation.ts'
import type {ClusterClient} from './cluster.ts'
import {silenceRemedy, silenceText, silentNodes} from './silent.ts'

export interface Looks {
  readonly timeoutMs: number
  /** The cluster that is meant; another one at its address is not waited for. */
  readonly uuid?: string | undefined
  /** How long the cluster may be silent before it is given up. Default SILENCE_MAX_MS. */
  readonly silenceMs?: number
  /** Told of every look that was not the last. */
  onLook?(answer: OperationAnswer): void
  /** Nobody has answered this time. */
  onSilence?(error: AisError): void
}

/** Between two looks: a part of the time that has passed, so that the end is seen soon after it. */
const POLL_SHARE = 1 / 8
const POLL_MIN_MS = 50
const POLL_MAX_MS = 1000
/** All hosts may be switched off and on again in this time. */
const SILENCE_MAX_MS = 300_000

/** Errors after which it makes sense to ask again. */
const PASSING: readonly ErrorCode[] = [
  'UNREACHABLE',
  'NOT_READY',
  'NO_PRIMARY',
  'NO_QUORUM',
  'TOO_BUSY',
  'TIMED_OUT',
]

/**
 * @param judge of what the primary itself says: the end, or undefined while there is none
 * @param late what is thrown after the time, with the last answer; null: there was none
 * @throws AisError of the judge, of `late`, and the last one when the cluster stays silent
 */
export async function lookUntil<End>(
  client: ClusterClient,
  {timeoutMs, uuid, silenceMs = SILENCE_MAX_MS, onLook, onSilence}: Looks,
  {judge, late}: Verdict<End>,
): Promise<End> {
  const beganMs = performance.now()
  let heardMs = beganMs
  let last: OperationAnswer | null = null
  for (;;) {
    try {
      last = await client.membership.operation()
      if (uuid !== undefined) sameCluster(client, uuid, last.uuid)
      const end = last.live ? await judge(last) : undefined
      if (end !== undefined) return end
      heardMs = performance.now()
      onLook?.(last)
    } catch (error) {
      if (!(error instanceof AisError) || !PASSING.includes(error.code)) throw error
      if (performance.now() - heardMs > silenceMs) throw error
      onSilence?.(error)
    }
    const passedMs = performance.now() - beganMs
    if (passedMs > timeoutMs) throw late(last)
    await sleep(Math.min(Math.max(passedMs * POLL_SHARE, POLL_MIN_MS), POLL_MAX_MS))
  }
}

export interface Verdict<End> {
  readonly judge: (answer: OperationAnswer) => Promise<End | undefined> | End | undefined
  readonly late: (last: OperationAnswer | null) => AisError
}

/** Why it may have taken so long. */
export function reasonsOf(last: OperationAnswer | null): string {
  if (last === null) return ': no gateway has answered'
  if (!last.live) return ': there is no primary at present'
  const silent = silenceText(silentNodes(last))
  if (silent !== '') return `: ${silent}`
  const problems = last.nodes.map(({problem}) => problem).filter((problem) => problem !== '')
  return problems.length === 0 ? '' : `: ${[...new Set(problems)].join('; ')}`
}

/** What to type when a wait was too short. @param otherwise when nobody holds it up */
export function lateHint(last: OperationAnswer | null, otherwise: string): string {
  const silent = last === null ? [] : silentNodes(last)
  return silent.length === 0 ? otherwise : silenceRemedy(silent)
}

/**
 * Addresses outlive clusters: an order must not reach another one than that which is meant.
 * @throws AisError WRONG_CLUSTER
 */
export function sameCluster(client: ClusterClient, wanted: string, found: string): void {
  if (wanted === found) return
  throw new AisError({
    code: 'WRONG_CLUSTER',
    message: `at ${client.endpoint()} is cluster ${found}, not ${wanted}; nothing was changed`,
    hint: 'name a gateway of the one that is meant: --cluster http://HOST:PORT',
  })
}
