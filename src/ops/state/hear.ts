/**
 * Asks hosts what they keep of their cluster, from a machine that knows nothing of it yet: first
 * those that were named, then the others that their topology names. Reads, and writes nothing.
 */

import {existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs'
import {appendFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {AisError} from '../../base/errors.ts'
import {configDir} from '../../client/state-dir.ts'
import {readFacts, requireRoot} from '../host/facts.ts'
import type {Host} from '../host/host.ts'
import {CLUSTER_KEY, sha256} from '../host/manifest.ts'
import {commandError} from '../host/script.ts'
import {sshHost} from '../host/ssh-host.ts'
import type {SudoPassword} from '../host/sudo-password.ts'
import {parseSavedState, type Site} from '../site/site.ts'
import type {SshSettings, TopologyHost} from '../topology/resolve.ts'
import type {HostWord} from './agree.ts'

const KEY_FILE = `/etc/aisnode/secrets/${CLUSTER_KEY}`
const READ_TIMEOUT_MS = 30_000

/** Connects to a host. Tests give one that stays on this machine. */
export type Connect = (host: Pick<TopologyHost, 'name' | 'address' | 'hostKey'>) => Host

export interface HearOptions {
  readonly given: boolean
  readonly now: () => number
}

/** @throws AisError when it cannot be reached, when the login is not root, when it is damaged */
export async function hear(host: Host, {given, now}: HearOptions): Promise<HostWord> {
  const question = {hashes: [KEY_FILE], files: [], mounts: [], addresses: [], ports: []}
  const facts = await readFacts(host, question, now)
  requireRoot(host.name, facts)
  const keySha256 = facts.hashes[KEY_FILE]
  return {
    host: host.name,
    given,
    uuids: facts.uuids,
    ...(facts.savedState === undefined
      ? {}
      : {state: parseSavedState(facts.savedState, `${host.name}:/var/lib/aisctl/topology.json`)}),
    ...(keySha256 === undefined ? {} : {keySha256}),
  }
}

/** The cluster key of one host. @throws AisError when it is not the one that is meant */
export async function readKey(host: Host, keySha256: string): Promise<string> {
  const result = await host.run({argv: ['cat', KEY_FILE], timeoutMs: READ_TIMEOUT_MS})
  if (result.status === 0 && sha256(result.stdout) === keySha256) return result.stdout
  throw commandError(host, `cat ${KEY_FILE}`, result, 'gave another key than before')
}

/**
 * Keys of hosts while the cluster's name is not known yet: what this machine has accepted for any
 * of its clusters counts, and what is accepted now is kept when the cluster is.
 */
export interface Acquaintance {
  readonly file: string
  /** Keeps what was accepted with the cluster. */
  keep(site: Site): void
  forget(): void
}

export function openAcquaintance(): Acquaintance {
  const directory = mkdtempSync(join(tmpdir(), 'aisctl-adopt-'))
  const file = join(directory, 'known_hosts')
  const sites = join(configDir(), 'sites')
  const known = existsSync(sites) ? readdirSync(sites).map((name) => join(sites, name)) : []
  const before = known.map((site) => join(site, 'known_hosts')).filter(existsSync)
  const text = before.map((path) => readFileSync(path, 'utf8')).join('')
  appendFileSync(file, text, {mode: 0o600})
  return {
    file,
    keep: ({directory: home, knownHosts}) => {
      mkdirSync(home, {recursive: true, mode: 0o700})
      const own = existsSync(knownHosts) ? readFileSync(knownHosts, 'utf8') : ''
      const lines = [...new Set(readFileSync(file, 'utf8').split('\n'))]
      const missing = lines.filter((line) => line !== '' && !own.includes(line))
      appendFileSync(knownHosts, missing.map((line) => `${line}\n`).join(''), {mode: 0o600})
    },
    forget: () => rmSync(directory, {recursive: true, force: true}),
  }
}

export interface ConnectOptions {
  readonly knownHosts: string
  readonly acceptNew: boolean
  readonly sudo: SudoPassword | undefined
}

/** Connections over SSH, one for each host, until all are closed. */
export function sshConnections(options: ConnectOptions): {
  connect(settings: SshSettings): Connect
  close(): Promise<void>
} {
  const open = new Map<string, Host>()
  return {
    connect:
      (settings) =>
      ({name, address, hostKey}) => {
        // One that was not compared with the topology's own key is opened anew.
        const as = `${address} ${hostKey ?? ''}`
        const {knownHosts, acceptNew, sudo} = options
        const more = {
          ...(hostKey === undefined ? {} : {hostKey}),
          ...(sudo === undefined ? {} : {sudo}),
        }
        const known = {name, settings, ownKnownHosts: knownHosts, acceptNew}
        const host = open.get(as) ?? sshHost(address, {...known, ...more})
        open.set(as, host)
        return host
      },
    close: async () => {
      await Promise.all([...open.values()].map((host) => host.close()))
      open.clear()
    },
  }
}

/** The reason why a host was not heard; what is no fault of the host is thrown. */
export function silenceOf(error: unknown): AisError {
  if (error instanceof AisError) return error
  throw error
}
