/**
 * The lease of the operator who changes the cluster at present: one run at a time, whether its
 * tool speaks to hosts or to the API alone. It orders operators among themselves; nothing else
 * depends on it, so the wall clock of the primary is good enough.
 */

import {refusal, type Refusal} from '../../base/errors.ts'
import type {LeaseCommand} from '../../model/command.ts'
import type {ClusterRecord, OperatorLease} from '../../model/record.ts'

type Leased = Pick<ClusterRecord, 'lease'>

/** Why a call has to wait; undefined: nobody else holds the lease. @param run that the call is of */
export function whyLeased(
  {lease}: Leased,
  run: string | undefined,
  wallMs: number,
): Refusal | undefined {
  if (!isHeld(lease, wallMs) || lease.run === run) return undefined
  const {who, from, what, sinceMs} = lease
  const age = Math.max(0, Math.round((wallMs - sinceMs) / 1000))
  return refusal(
    'BUSY',
    `${who} from ${from} runs "${what}" since ${age} s (run ${lease.run}), please try again`,
    {hint: 'wait until it has ended, or look: aisctl audit', details: {lease}},
  )
}

/** Takes the lease, or goes on holding it. */
export function withLease<Parts extends Leased>(
  parts: Parts,
  {run, who, from, what, ttlMs}: Extract<LeaseCommand, {type: 'take-lease'}>,
  wallMs: number,
): Parts | Refusal {
  const held = whyLeased(parts, run, wallMs)
  if (held !== undefined) return held
  const before = parts.lease?.run === run ? parts.lease : undefined
  const sinceMs = before?.sinceMs ?? wallMs
  return {...parts, lease: {run, who, from, what, sinceMs, expiresMs: wallMs + ttlMs}}
}

/** Lets it go; nothing changes when another run has it. */
export function withoutLease<Parts extends Leased>(parts: Parts, run: string): Parts {
  return parts.lease?.run === run ? {...parts, lease: null} : parts
}

function isHeld(lease: OperatorLease | null | undefined, wallMs: number): lease is OperatorLease {
  return lease !== null && lease !== undefined && lease.expiresMs > wallMs
}
