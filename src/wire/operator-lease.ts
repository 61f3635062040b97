/** The operator's lease in calls of the API: taken or renewed, and let go. Ours, not AIStore's. */

import {AisError} from '../base/errors.ts'
import type {LeaseCommand} from '../model/command.ts'
import {count, looseStruct, text} from './decode.ts'
import type {Json, JsonMap} from './json.ts'

/** Actions of `PUT /v1/cluster`. */
export const LEASE_ACTION = {take: 'ext-take-lease', release: 'ext-release-lease'} as const

/** A lease that nobody renews ends soon; nobody may keep the cluster for long without a word. */
const TTL_MAX_MS = 60_000

const TAKE = looseStruct({run: text, who: text, from: text, what: text, ttlMs: count})
const RELEASE = looseStruct({run: text})

/** Undefined: it is none of these actions. @throws AisError BAD_REQUEST */
export function decodeLease(action: string, value: Json): LeaseCommand | undefined {
  if (action === LEASE_ACTION.release)
    return {type: 'release-lease', run: RELEASE(value, 'value').run}
  if (action !== LEASE_ACTION.take) return undefined
  const {run, who, from, what, ttlMs} = TAKE(value, 'value')
  if (run !== '' && ttlMs > 0 && ttlMs <= TTL_MAX_MS) {
    return {type: 'take-lease', run, who, from, what, ttlMs}
  }
  throw new AisError({
    code: 'BAD_REQUEST',
    message: `a lease needs the id of a run, and lasts up to ${TTL_MAX_MS} ms`,
  })
}

/** The inverse of decodeLease: action and value. */
export function encodeLease(command: LeaseCommand): {
  readonly action: string
  readonly value: JsonMap
} {
  if (command.type === 'release-lease') {
    return {action: LEASE_ACTION.release, value: {run: command.run}}
  }
  const {run, who, from, what, ttlMs} = command
  return {action: LEASE_ACTION.take, value: {run, who, from, what, ttlMs}}
}
