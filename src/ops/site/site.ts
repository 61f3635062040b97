/**
 * What this machine keeps of one deployed cluster: the last topology, the cluster key, the host
 * keys that were accepted. A cache but for the key, which the hosts hold, too; 0700, secrets 0600.
 */

import {randomBytes} from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import {dirname, join} from 'node:path'
import {AisError} from '../../base/errors.ts'
import {configDir} from '../../client/state-dir.ts'
import {parseJsonObject} from '../host/output.ts'
import type {Topology} from '../topology/resolve.ts'

/** Number of the shape of the saved state. */
export const SAVED_STATE_FORMAT = 1
const KEY_BYTES = 32
const UUID_CHARS = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789'
const UUID_LENGTH = 9

/** What is kept on every host and here: which topology was deployed last. */
export interface SavedState {
  readonly format: 1
  /** Grows by one with every change of what is deployed. */
  readonly generation: number
  readonly topology: Topology
}

/** The directory of one cluster. */
export interface Site {
  readonly directory: string
  readonly knownHosts: string
  readonly stateFile: string
  readonly keyFile: string
}

/** @param name of the cluster; already checked by the topology's schema */
export function siteOf(name: string): Site {
  const directory = join(configDir(), 'sites', name)
  return {
    directory,
    knownHosts: join(directory, 'known_hosts'),
    stateFile: join(directory, 'deployed.json'),
    keyFile: join(directory, 'secrets', 'cluster-key'),
  }
}

/** The state of the last deploy from this machine, or undefined. */
export function readSite(site: Site): SavedState | undefined {
  if (!existsSync(site.stateFile)) return undefined
  return parseSavedState(readFileSync(site.stateFile, 'utf8'), site.stateFile)
}

/** @param where the text comes from, for the message */
export function parseSavedState(text: string, where: string): SavedState {
  const value = parseJsonObject(text) as Partial<SavedState> | undefined
  if (value === undefined) {
    throw new AisError({
      code: 'BAD_CONFIG',
      message: `${where} is damaged`,
      hint: 'move it away; the next deploy writes it anew from the topology',
    })
  }
  if (value.format === SAVED_STATE_FORMAT && value.topology !== undefined) {
    return value as SavedState
  }
  throw new AisError({
    code: 'INCOMPATIBLE',
    message: `${where}: format ${String(value.format)} is not known`,
    hint: 'use a newer aisctl',
  })
}

/** The text of a state, the same for the same state. */
export function formatSavedState(state: SavedState): string {
  return `${JSON.stringify(state, null, 2)}\n`
}

/** Keeps the state. */
export function writeSite(site: Site, state: SavedState): void {
  writePrivate(site.stateFile, formatSavedState(state))
}

/**
 * Removes what is kept of a cluster whose hosts are no more; nothing happens when the name
 * meanwhile belongs to another cluster.
 */
export function forgetSite(name: string, uuid: string): void {
  const site = siteOf(name)
  if (readSite(site)?.topology.cluster.uuid !== uuid) return
  rmSync(site.directory, {recursive: true, force: true})
}

/** The cluster key, made when there is none. One line of 64 hex characters. */
export function clusterKey(site: Site): string {
  if (existsSync(site.keyFile)) return readFileSync(site.keyFile, 'utf8')
  const key = `${randomBytes(KEY_BYTES).toString('hex')}\n`
  writePrivate(site.keyFile, key)
  return key
}

/** Keeps the key that the hosts of a deployed cluster have. */
export function keepClusterKey(site: Site, key: string): void {
  writePrivate(site.keyFile, key)
}

/** Whether this machine has the key already. */
export function hasClusterKey(site: Site): boolean {
  return existsSync(site.keyFile)
}

/** The uuid that the first deploy made and kept; undefined when there was none. */
export function siteUuid(site: Site): string | undefined {
  const file = join(site.directory, 'uuid')
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined
}

/**
 * Keeps the uuid before any host hears of it: a first deploy that is interrupted goes on with it.
 */
export function keepUuid(site: Site, uuid: string): void {
  if (siteUuid(site) !== uuid) writePrivate(join(site.directory, 'uuid'), `${uuid}\n`)
}

/** A new uuid, in AIStore's form. */
export function newUuid(): string {
  // Bytes beyond the last whole multiple would favour the first letters.
  const limit = 256 - (256 % UUID_CHARS.length)
  let uuid = ''
  while (uuid.length < UUID_LENGTH) {
    const [byte = 255] = randomBytes(1)
    if (byte < limit) uuid += UUID_CHARS.charAt(byte % UUID_CHARS.length)
  }
  return uuid
}

function writePrivate(file: string, text: string): void {
  mkdirSync(dirname(file), {recursive: true, mode: 0o700})
  const next = `${file}.${process.pid}.new`
  writeFileSync(next, text, {mode: 0o600, flush: true})
  chmodSync(next, 0o600)
  renameSync(next, file)
}
