/**
 * Looks at a cluster again and again and tells what happens to it. A gateway that fails is passed
 * over by the client; when none answers, the next look is what counts, and nothing is told twice.
 */

import {setTimeout as sleep} from 'node:timers/promises'
import {AisError} from '../base/errors.ts'
import {decodeSmap} from '../wire/smap.ts'
import type {ClusterClient} from './cluster.ts'
import {eventsBetween, pastEvents, type ClusterEvent, type ClusterMoment} from './events.ts'
import {findLeader} from './leader.ts'

/** How often is looked: an election takes longer. */
const LOOK_MS = 1000

export interface WatchOptions {
  readonly signal: AbortSignal
  onEvents(events: readonly ClusterEvent[]): void
  /** Told once per outage. */
  onSilence(error: AisError): void
}

/** The cluster as its gateways tell of it now. */
export async function lookAtCluster(client: ClusterClient): Promise<ClusterMoment> {
  const {smap} = decodeSmap(await client.smap())
  const [leader, operation] = await Promise.all([
    findLeader(client, smap),
    client.membership.operation(),
  ])
  return {
    elections: leader?.elections ?? [],
    members: Object.values(smap.nodes),
    op: operation.op,
    rebalances: operation.rebalances,
  }
}

/** Tells the past that the record remembers, then what happens, until the signal. */
export async function watchEvents(
  client: ClusterClient,
  {signal, onEvents, onSilence}: WatchOptions,
): Promise<void> {
  let before: ClusterMoment | undefined
  let silent = false
  while (!signal.aborted) {
    try {
      const after = await lookAtCluster(client)
      onEvents(before === undefined ? pastEvents(after) : eventsBetween(before, after, Date.now()))
      before = after
      silent = false
    } catch (error) {
      if (!(error instanceof AisError)) throw error
      if (signal.aborted) return
      if (!silent) onSilence(error)
      silent = true
    }
    await pause(signal)
  }
}

async function pause(signal: AbortSignal): Promise<void> {
  try {
    await sleep(LOOK_MS, undefined, {signal})
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
