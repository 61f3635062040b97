/**
 * The operators' lock: one run at a time. A majority of the cluster's hosts and every host that is
 * touched, taken in the order of their names, so that of two runs one loses at its first host.
 */

import {AisError} from '../../base/errors.ts'
import type {Host} from '../host/host.ts'
import {openHeldHost, type HeldHost, type TakeOutcome} from './held-host.ts'
import {holderText, type Holder} from './holder.ts'

type Taken = Extract<TakeOutcome, {type: 'taken'}>

/** Hosts that are held, and those that could not be. */
export interface RunLock {
  readonly holder: Holder
  readonly hosts: readonly HeldHost[]
  /** Name → why it is not held. */
  readonly missing: ReadonlyMap<string, Error>
  /** Name → audit head and hash of the kept topology, when the lock was taken. */
  readonly found: ReadonlyMap<string, Taken>
  /** How many hosts are a majority of all. */
  readonly majority: number
  /** Why the lock is not held any more; undefined while it is. */
  lost(): Error | undefined
  release(): Promise<void>
}

/** @throws AisError BUSY that names the holder; UNREACHABLE without a majority */
export async function takeLock(
  hosts: readonly Host[],
  holder: Holder,
  nowMs: () => number,
): Promise<RunLock> {
  const ordered = hosts.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const helpers = ordered.map(openHeldHost)
  const missing = new Map<string, Error>()
  const found = new Map<string, Taken>()
  const majority = Math.floor(hosts.length / 2) + 1
  const releaseAll = async (): Promise<void> => {
    await Promise.all(helpers.map((helper) => helper.release()))
  }
  try {
    for (const helper of helpers) {
      const outcome = await attempt(helper, holder)
      if (outcome instanceof Error) missing.set(helper.name, outcome)
      else if (outcome.type === 'held') throw busy(helper.name, outcome.holder, nowMs())
      else found.set(helper.name, outcome)
    }
    if (found.size < majority) throw noMajority(missing, {all: hosts.length, majority})
  } catch (error) {
    await releaseAll()
    throw error
  }
  const held = helpers.filter(({name}) => found.has(name))
  const watch = watchOver(held, majority)
  return {holder, hosts: held, missing, found, majority, lost: watch, release: releaseAll}
}

/** A host that does not answer is not held; it is not touched either. */
async function attempt(helper: HeldHost, holder: Holder): Promise<TakeOutcome | Error> {
  try {
    return await helper.take(holder)
  } catch (error) {
    if (error instanceof AisError) return error
    throw error
  }
}

/** The lock is lost with the majority. Work on a host that was lost is refused by that host. */
function watchOver(held: readonly HeldHost[], majority: number): () => Error | undefined {
  const gone = new Map<string, Error>()
  for (const helper of held) void helper.ended.then((why) => gone.set(helper.name, why))
  return () => {
    if (held.length - gone.size >= majority) return undefined
    const names = [...gone.keys()].join(', ')
    return new AisError({
      code: 'INTERRUPTED',
      message: `the lock was lost on ${names}; nothing more is changed`,
      hint: 'go on when the hosts answer again: aisctl resume',
    })
  }
}

function busy(host: string, holder: Holder | undefined, nowMs: number): AisError {
  const who = holder === undefined ? 'somebody (a playbook?)' : holderText(holder, nowMs)
  return new AisError({
    code: 'BUSY',
    message: `${host}: ${who}`,
    hint: 'nothing was changed; try again when it has ended, or look: aisctl audit',
    details: {host, ...(holder === undefined ? {} : {holder})},
  })
}

function noMajority(
  missing: ReadonlyMap<string, Error>,
  {all, majority}: {readonly all: number; readonly majority: number},
): AisError {
  const [first] = missing.values()
  return new AisError(
    {
      code: first instanceof AisError && missing.size === all ? first.code : 'UNREACHABLE',
      message: `${all - missing.size} of ${all} hosts can be locked, ${majority} are needed:\n${[
        ...missing.values(),
      ]
        .map(({message}) => message)
        .join('\n')}`,
      hint:
        (first instanceof AisError ? first.hint : undefined) ??
        'nothing was changed; a majority of the hosts must answer',
    },
    first,
  )
}
