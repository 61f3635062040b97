/**
 * Which of the states that hosts hold is the cluster's: the newest that a majority of the hosts
 * which it names has stored. Pure; it only judges what was heard.
 */

import {AisError} from '../../base/errors.ts'
import {formatSavedState, type SavedState} from '../site/site.ts'
import {sha256} from '../host/manifest.ts'
import type {Topology} from '../topology/resolve.ts'

/** What one host said. */
export interface HostWord {
  /** Name in the topology, or the word by which it was given. */
  readonly host: string
  /** Named on the command line, not learnt from another host. */
  readonly given: boolean
  /** Absent: it keeps none. */
  readonly state?: SavedState
  /** Uuids that node files there name. */
  readonly uuids: readonly string[]
  /** SHA-256 of its cluster key. */
  readonly keySha256?: string
}

/** Who does not hold what the majority holds, and what it says instead. */
export interface Dissent {
  readonly host: string
  readonly says: string
}

export interface Agreement {
  readonly state: SavedState
  readonly keySha256: string
  /** Hosts that hold this state. */
  readonly holders: readonly string[]
  /** Those of them that have the cluster key, too. */
  readonly keyHolders: readonly string[]
  readonly dissent: readonly Dissent[]
}

export interface AgreeOptions {
  /** Take this generation, whoever holds it, when a majority can be asked. */
  readonly generation?: number
}

/** @throws AisError WRONG_CLUSTER, NOT_FOUND or REFUSED that names hosts and what each says */
export function agreeOn(words: readonly HostWord[], options: AgreeOptions = {}): Agreement {
  refuseSeveralClusters(words.filter(({given}) => given))
  const state = options.generation === undefined ? byMajority(words) : ofGeneration(words, options)
  const id = idOf(state)
  const members = membersOf(words, state.topology)
  const holders = members.filter((word) => word.state !== undefined && idOf(word.state) === id)
  const keySha256 = theKey(holders)
  return {
    state,
    keySha256,
    holders: holders.map(({host}) => host),
    keyHolders: holders.filter((word) => word.keySha256 === keySha256).map(({host}) => host),
    dissent: members.flatMap((word) => dissentOf(word, state, keySha256)),
  }
}

/** `generation 4 (1a2b3c4d)`: equal numbers may hide different contents. */
export function stateText(state: SavedState): string {
  return `generation ${state.generation} (${idOf(state).slice(0, 8)})`
}

/** How a key is called where it may be seen. */
export function keyText(keySha256: string | undefined): string {
  return keySha256 === undefined ? 'no cluster key' : `cluster key ${keySha256.slice(0, 8)}`
}

/** The cluster that a host belongs to, as far as it says so. */
export function uuidOf({state, uuids}: HostWord): string | undefined {
  return state?.topology.cluster.uuid ?? uuids[0]
}

function idOf(state: SavedState): string {
  return sha256(formatSavedState(state))
}

function refuseSeveralClusters(words: readonly HostWord[]): void {
  const first = words.find((word) => uuidOf(word) !== undefined)
  const other = words.find((word) => {
    const uuid = uuidOf(word)
    return uuid !== undefined && first !== undefined && uuid !== uuidOf(first)
  })
  if (first === undefined || other === undefined) return
  const [one, two] = [first, other].map((word) => `${word.host} is of ${uuidOf(word)}`)
  throw new AisError({
    code: 'WRONG_CLUSTER',
    message: `the hosts are of several clusters: ${one}, ${two}; nothing was kept`,
    hint: 'name hosts of one cluster only',
  })
}

/** Hosts of a topology that were heard; another cluster's host at such an address is none. */
function membersOf(words: readonly HostWord[], topology: Topology): HostWord[] {
  return words.filter(({host}) => topology.hosts.some(({name}) => name === host))
}

function byMajority(words: readonly HostWord[]): SavedState {
  const kept = candidates(words).filter(({state, holders}) => {
    return holders.length * 2 > state.topology.hosts.length
  })
  const [newest] = kept.toSorted((a, b) => b.state.generation - a.state.generation)
  if (newest !== undefined) return newest.state
  throw noMajority(words)
}

function ofGeneration(words: readonly HostWord[], {generation}: AgreeOptions): SavedState {
  const found = candidates(words).filter(({state}) => state.generation === generation)
  const [most] = found.toSorted((a, b) => b.holders.length - a.holders.length)
  if (most === undefined) throw noMajority(words)
  const heard = membersOf(words, most.state.topology).length
  const hosts = most.state.topology.hosts.length
  if (heard * 2 > hosts) return most.state
  throw new AisError({
    code: 'REFUSED',
    message: `only ${heard} of ${hosts} hosts could be asked, which is no majority; nothing was kept`,
    hint: 'make more hosts of the cluster reachable, and repeat the command',
  })
}

interface Candidate {
  readonly state: SavedState
  readonly holders: readonly string[]
}

function candidates(words: readonly HostWord[]): Candidate[] {
  const found = new Map<string, SavedState>()
  for (const {state} of words) if (state !== undefined) found.set(idOf(state), state)
  return [...found].map(([id, state]) => ({
    state,
    holders: membersOf(words, state.topology)
      .filter((word) => word.state !== undefined && idOf(word.state) === id)
      .map(({host}) => host),
  }))
}

function noMajority(words: readonly HostWord[]): AisError {
  const all = candidates(words).toSorted((a, b) => b.state.generation - a.state.generation)
  if (all.length === 0) {
    return new AisError({
      code: 'NOT_FOUND',
      message: `${words.map(({host}) => host).join(', ')}: no topology in /var/lib/aisctl; nothing was kept`,
      hint: 'name hosts that aisctl or its playbooks have deployed',
    })
  }
  const lines = all.map(({state, holders}) => {
    const who = holders.length === 0 ? 'on no host of its own' : `on ${holders.join(', ')}`
    return `${stateText(state)} of ${state.topology.hosts.length} hosts: ${who}`
  })
  const [newest] = all
  return new AisError({
    code: 'REFUSED',
    message: `no state is on a majority of its hosts; nothing was kept\n${lines.join('\n')}`,
    hint: `make more hosts reachable; or take one of them: --generation ${newest?.state.generation ?? 1}`,
  })
}

/** The key that most holders have. @throws AisError when there is none, or no single one */
function theKey(holders: readonly HostWord[]): string {
  const counts = new Map<string, string[]>()
  for (const {keySha256, host} of holders) {
    if (keySha256 !== undefined) counts.set(keySha256, [...(counts.get(keySha256) ?? []), host])
  }
  const [first, second] = [...counts].toSorted(([, a], [, b]) => b.length - a.length)
  if (first !== undefined && first[1].length > (second?.[1].length ?? 0)) return first[0]
  const all = [...counts].map(([key, hosts]) => `${keyText(key)} on ${hosts.join(', ')}`)
  throw new AisError({
    code: first === undefined ? 'NOT_FOUND' : 'REFUSED',
    message:
      first === undefined
        ? 'no host holds a cluster key; nothing was kept'
        : `the hosts hold different cluster keys; nothing was kept\n${all.join('\n')}`,
    hint: 'look at /etc/aisnode/secrets/cluster-key on the hosts',
  })
}

function dissentOf(word: HostWord, wanted: SavedState, keySha256: string): Dissent[] {
  const {host, state} = word
  const uuid = uuidOf(word)
  if (uuid !== undefined && uuid !== wanted.topology.cluster.uuid) {
    return [{host, says: `is of cluster ${uuid}, not ${wanted.topology.cluster.uuid}`}]
  }
  if (state === undefined) return [{host, says: 'keeps no topology'}]
  if (idOf(state) !== idOf(wanted)) {
    return [{host, says: `holds ${stateText(state)}, not ${stateText(wanted)}`}]
  }
  if (word.keySha256 === keySha256) return []
  return [{host, says: `holds ${keyText(word.keySha256)}, not ${keyText(keySha256)}`}]
}
