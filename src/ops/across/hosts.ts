/**
 * The same on many hosts: so many at once, one connection each. A host that fails does not keep the
 * others from being done.
 */

import {AisError} from '../../base/errors.ts'
import type {Fleet} from '../fleet.ts'
import type {Host} from '../host/host.ts'
import type {Topology} from '../topology/resolve.ts'

/** Hosts at work at once, unless told: handshakes cost the operator's machine most. */
export const HOSTS_PARALLEL = 16
/** Status of a host that was not reached, as ssh has it. */
export const UNREACHED_STATUS = 255

export interface OnHost<Result> {
  readonly host: string
  readonly result?: Result
  readonly error?: AisError
}

/** The hosts that were named, or all; each once. @throws AisError for a host that is none */
export function namedHosts(
  topology: Topology,
  words: readonly string[],
  all: boolean,
): readonly string[] {
  const names = topology.hosts.map(({name}) => name)
  if (all && words.length === 0) return names
  if (all || words.length === 0) {
    throw new AisError({
      code: 'USAGE',
      message: all ? '--all and hosts by name exclude each other' : 'no host is named',
      hint: `name hosts (${names.join(' ')}), or --all`,
    })
  }
  const unknown = words.find((word) => !names.includes(word))
  if (unknown === undefined) return [...new Set(words)]
  throw new AisError({
    code: 'NOT_FOUND',
    message: `${topology.cluster.name} has no host ${unknown}`,
    hint: `its hosts: ${names.join(' ')}`,
  })
}

/** Does the work on every host; gives results in the order of the names. */
export async function onHosts<Result>(
  fleet: Fleet,
  names: readonly string[],
  {parallel, work}: {readonly parallel: number; readonly work: (host: Host) => Promise<Result>},
): Promise<readonly OnHost<Result>[]> {
  const done = new Map<string, OnHost<Result>>()
  const waiting = [...names]
  const next = async (): Promise<void> => {
    for (let host = waiting.shift(); host !== undefined; host = waiting.shift()) {
      done.set(host, await onHost(fleet.host(host), work))
    }
  }
  await Promise.all(Array.from({length: Math.max(1, parallel)}, next))
  return names.flatMap((name) => done.get(name) ?? [])
}

async function onHost<Result>(
  host: Host,
  work: (host: Host) => Promise<Result>,
): Promise<OnHost<Result>> {
  try {
    return {host: host.name, result: await work(host)}
  } catch (error) {
    if (!(error instanceof AisError)) throw error
    return {host: host.name, error}
  }
}
