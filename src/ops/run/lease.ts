/**
 * The lease of a run in the cluster's record, beside the lock on hosts: whoever uses the API alone
 * is told who works. A cluster that is off or has no primary keeps none: the hosts' lock holds.
 */

import {AisError} from '../../base/errors.ts'
import type {ClusterClient} from '../../client/cluster.ts'
import type {Holder} from './holder.ts'

/** Several renewals may fail before it ends by itself. */
const TTL_MS = 20_000
const RENEW_MS = 6000

export interface HeldLease {
  /** Why another run has it now; undefined: it is ours, or nobody's. */
  lost(): Error | undefined
  release(): Promise<void>
}

/** @throws AisError BUSY: another run has it */
export async function holdLease(client: ClusterClient, holder: Holder): Promise<HeldLease> {
  const {run, who, from, what} = holder
  const state: {lost?: Error; held: boolean} = {held: false}
  const renew = async (): Promise<void> => {
    state.held = await isDone(
      client.membership.lease({type: 'take-lease', run, who, from, what, ttlMs: TTL_MS}),
    )
  }
  await renew()
  const timer = setInterval(() => {
    renew().catch((error: unknown) => {
      state.lost = error instanceof Error ? error : new Error(String(error))
    })
  }, RENEW_MS)
  return {
    lost: () => state.lost,
    release: async () => {
      clearInterval(timer)
      if (state.held) await isDone(client.membership.lease({type: 'release-lease', run}))
    },
  }
}

/** What a cluster says that cannot keep a lease: it is off, has no primary, or knows of none. */
const KEEPS_NONE = [
  'UNREACHABLE',
  'NOT_READY',
  'NO_PRIMARY',
  'NO_QUORUM',
  'TIMED_OUT',
  'OUTCOME_UNKNOWN',
  'TOO_BUSY',
  'BAD_REQUEST',
]

async function isDone(call: Promise<void>): Promise<boolean> {
  try {
    await call
    return true
  } catch (error) {
    if (error instanceof AisError && KEEPS_NONE.includes(error.code)) return false
    throw error
  }
}
