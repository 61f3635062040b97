/**
 * `aisctl adopt`: what the operator's machine keeps of a cluster, rebuilt from its hosts: topology
 * and generation, uuid, cluster key, host keys. The hosts are read and not changed.
 */

import {rename} from 'node:fs/promises'
import {existsSync, writeFileSync} from 'node:fs'
import {AisError} from '../../base/errors.ts'
import {rememberCluster} from '../../client/known-clusters.ts'
import {mapParallel} from '../../client/cluster.ts'
import {knownAs} from '../deploy/open.ts'
import type {Plan, Step} from '../plan/plan.ts'
import {
  keepClusterKey,
  keepUuid,
  readSite,
  siteOf,
  writeSite,
  type SavedState,
} from '../site/site.ts'
import {topologyFileText} from '../topology/file-text.ts'
import type {SshSettings, TopologyHost} from '../topology/resolve.ts'
import {agreeOn, type Agreement, type HostWord} from './agree.ts'
import {hear, readKey, silenceOf, type Acquaintance, type Connect} from './hear.ts'

/** Hosts asked at once: each costs a handshake. */
const HOSTS_PARALLEL = 16

export interface AdoptOptions {
  /** Addresses, as typed. */
  readonly hosts: readonly string[]
  /** Take this generation, whoever holds it. */
  readonly generation?: number
  /** How hosts are reached, as far as it was said; the rest is the topology's. */
  readonly ssh: Partial<SshSettings>
  /** A connection with these settings. */
  readonly connect: (settings: SshSettings) => Connect
  readonly acquaintance: Acquaintance
  /** Where the topology is written. */
  readonly file: string
  readonly now: () => number
}

/** What has come of it, for the last lines and `--json`. */
export interface Adopted {
  readonly cluster: string
  readonly uuid: string
  readonly generation: number
  readonly holders: readonly string[]
  readonly dissent: readonly {readonly host: string; readonly says: string}[]
  /** Hosts that could not be asked, and why. */
  readonly silent: readonly {readonly host: string; readonly why: string}[]
  /** Absent: there was a file already. */
  readonly written?: string
  /** What of ssh is another here than on the hosts; the next deploy tells them. */
  readonly otherSsh: readonly string[]
}

export interface AdoptPlan {
  readonly plan: Plan
  /** @throws Error before the plan has run to its end */
  result(): Adopted
}

interface Work {
  readonly options: AdoptOptions
  readonly words: HostWord[]
  readonly silent: Map<string, AisError>
  agreement?: Agreement
  key?: string
  adopted?: Adopted
}

export function planAdopt(options: AdoptOptions): AdoptPlan {
  const work: Work = {options, words: [], silent: new Map()}
  const asks = options.hosts.map((word) => askStep(work, word))
  const others = othersStep(work, asks)
  const agree = agreeStep(work, others)
  return {
    plan: {
      title: `adopt the cluster of ${options.hosts.join(', ')}`,
      steps: [...asks, others, agree, keepStep(work, agree)],
      parallel: HOSTS_PARALLEL,
    },
    result: () => {
      if (work.adopted === undefined) throw new Error('the plan has not run to its end')
      return work.adopted
    },
  }
}

function askStep(work: Work, word: string): Step {
  return {
    id: `${word}/ask`,
    title: 'connect and read what it keeps',
    host: word,
    preview: () => [`ssh to ${word}: /var/lib/aisctl, as root`],
    run: () => ask(work, {name: word, address: word}, true),
  }
}

/** A host that cannot be asked is one voice less, whatever the reason. */
async function ask(
  work: Work,
  host: Pick<TopologyHost, 'name' | 'address' | 'hostKey'>,
  given: boolean,
): Promise<void> {
  const {options} = work
  try {
    const heard = await hear(options.connect(sshOf(work))(host), {given, now: options.now})
    work.words.push(heard)
  } catch (error) {
    work.silent.set(host.name, silenceOf(error))
  }
}

/** Hosts may name others, and those others again: until nobody is left to be asked. */
function othersStep(work: Work, asks: readonly Step[]): Step {
  return {
    id: 'cluster/others',
    title: 'ask the other hosts of its topology',
    after: asks.map(({id}) => id),
    preview: () => ['every host of the topology that these keep'],
    run: async ({report}) => {
      for (;;) {
        nameAsTopology(work)
        const next = notAsked(work)
        if (next.length === 0) return
        report({text: next.map(({name}) => name).join(', ')})
        await mapParallel(next, (host) => ask(work, host, false))
      }
    },
  }
}

/** What was given as an address is from now on called as the topology calls it. */
function nameAsTopology({words, silent, options}: Work): void {
  for (const {name, address} of topologyHosts(words)) {
    const given = options.hosts.find((word) => word === address || word === name)
    if (given === undefined || given === name) continue
    words.forEach((word, at) => {
      if (word.given && word.host === given) words[at] = {...word, host: name}
    })
    const why = silent.get(given)
    if (why !== undefined) silent.set(name, why)
    silent.delete(given)
  }
}

function notAsked({words, silent}: Work): TopologyHost[] {
  const asked = new Set([...words.map(({host}) => host), ...silent.keys()])
  return topologyHosts(words).filter(({name}) => !asked.has(name))
}

/** Of all topologies that were heard, each name once, as the newest has it. */
function topologyHosts(words: readonly HostWord[]): TopologyHost[] {
  const hosts = new Map<string, TopologyHost>()
  for (const state of newestFirst(words)) {
    for (const host of state.topology.hosts) {
      if (!hosts.has(host.name)) hosts.set(host.name, host)
    }
  }
  return [...hosts.values()]
}

function newestFirst(words: readonly HostWord[]): SavedState[] {
  return words.flatMap(({state}) => state ?? []).toSorted((a, b) => b.generation - a.generation)
}

function sshOf({words, options}: Work): SshSettings {
  const [newest] = newestFirst(words)
  return {become: 'none', ...newest?.topology.ssh, ...options.ssh}
}

function agreeStep(work: Work, others: Step): Step {
  const {options} = work
  return {
    id: 'cluster/agree',
    title: 'find what a majority holds',
    after: [others.id],
    preview: () => ['the newest topology that a majority of its hosts has stored'],
    run: async () => {
      if (work.words.length === 0) throw nobody(work)
      const {generation} = options
      const agreement = agreeOn(work.words, generation === undefined ? {} : {generation})
      refuseOtherSite(agreement.state)
      work.agreement = agreement
      const {topology} = agreement.state
      const holder = topology.hosts.find(({name}) => agreement.keyHolders.includes(name))
      if (holder === undefined) throw nobody(work)
      const address = options.hosts.find((word) => word === holder.name) ?? holder.address
      const host = options.connect(sshOf(work))({...holder, address})
      work.key = await readKey(host, agreement.keySha256)
      return stateFacts(agreement)
    },
  }
}

function stateFacts({state, holders}: Agreement): Record<string, unknown> {
  return {generation: state.generation, holders}
}

function keepStep(work: Work, agree: Step): Step {
  return {
    id: 'cluster/keep',
    title: 'keep it on this machine',
    after: [agree.id],
    preview: () => ['topology, generation, uuid, cluster key, host keys'],
    run: async () => {
      const {agreement, key, options} = work
      if (agreement === undefined || key === undefined) throw nobody(work)
      const {generation, topology: kept} = agreement.state
      const topology = {...kept, ssh: {...kept.ssh, ...options.ssh}}
      const site = siteOf(topology.cluster.name)
      options.acquaintance.keep(site)
      keepClusterKey(site, key)
      keepUuid(site, topology.cluster.uuid)
      writeSite(site, {format: 1, generation, topology})
      rememberCluster(knownAs(topology, site))
      const comment = `Written by aisctl adopt, from generation ${generation} of the hosts.`
      const written = await writeNew(options.file, topologyFileText(topology, comment))
      work.adopted = {
        cluster: topology.cluster.name,
        uuid: topology.cluster.uuid,
        generation,
        holders: agreement.holders,
        dissent: agreement.dissent,
        silent: [...work.silent].map(([host, {message}]) => ({host, why: message})),
        ...(written ? {written: options.file} : {}),
        otherSsh: Object.entries(options.ssh)
          .filter(([name, value]) => kept.ssh[name as keyof SshSettings] !== value)
          .map(([name]) => `ssh.${name}`),
      }
      return work.adopted
    },
  }
}

/** Never over a file that is there. */
async function writeNew(file: string, text: string): Promise<boolean> {
  if (existsSync(file)) return false
  const next = `${file}.${process.pid}.new`
  writeFileSync(next, text, {mode: 0o644, flush: true})
  await rename(next, file)
  return true
}

/** @throws AisError WRONG_CLUSTER when the name means another cluster here */
function refuseOtherSite({topology}: SavedState): void {
  const {name, uuid} = topology.cluster
  const site = siteOf(name)
  const here = readSite(site)?.topology.cluster.uuid
  if (here === undefined || here === uuid) return
  throw new AisError({
    code: 'WRONG_CLUSTER',
    message: `this machine keeps another cluster called ${name}: uuid ${here} here, ${uuid} on the hosts; nothing was kept`,
    hint: `move ${site.directory} away if that cluster is no more`,
  })
}

function nobody({silent}: Work): AisError {
  const errors = [...silent.values()]
  const [first] = errors
  return new AisError({
    code: first?.code ?? 'UNREACHABLE',
    message: errors.length === 0 ? 'no host was asked' : errors.map(textOf).join('\n'),
    hint: `nothing was kept; ${first?.hint ?? 'the login must reach root: --user, --become, --identity'}`,
  })
}

function textOf({message}: AisError): string {
  return message
}
