/**
 * Whether the key that a host shows is the one we know: pinned in the topology, or in a known_hosts
 * file. Reads OpenSSH's format, hashed names included; writes only aisctl's own file.
 */

import {createHash, createHmac, timingSafeEqual} from 'node:crypto'
import {appendFileSync, mkdirSync, readFileSync} from 'node:fs'
import {dirname} from 'node:path'

/** A host's key as it shows it: the base64 blob of its type and bytes. */
export type KeyVerdict = 'known' | 'unknown' | 'changed'

export interface KnownKey {
  /** `ssh-ed25519`. */
  readonly type: string
  /** Base64, as in known_hosts. */
  readonly blob: string
}

/** Keys that known_hosts files hold for any of these names. */
export function knownKeys(files: readonly string[], names: readonly string[]): KnownKey[] {
  return files.flatMap((file) => linesOf(file)).flatMap((line) => keyOf(line, names))
}

/** How the shown key compares with a pin: `TYPE BASE64` or `SHA256:…`. */
export function comparePin(pin: string, key: Uint8Array): KeyVerdict {
  if (pin.startsWith('SHA256:')) return pin === fingerprint(key) ? 'known' : 'changed'
  return sameKey(pin.split(' ')[1] ?? '', key) ? 'known' : 'changed'
}

/** How the shown key compares with what known_hosts says. */
export function compareKnown(known: readonly KnownKey[], key: Uint8Array): KeyVerdict {
  if (known.some(({blob}) => sameKey(blob, key))) return 'known'
  return known.length === 0 ? 'unknown' : 'changed'
}

/** `SHA256:…`, as ssh prints it. */
export function fingerprint(key: Uint8Array): string {
  const digest = createHash('sha256').update(key).digest('base64')
  return `SHA256:${digest.replace(/=+$/, '')}`
}

/** The type written at the front of a key's bytes. */
export function keyType(key: Uint8Array): string {
  const bytes = Buffer.from(key)
  const length = bytes.length >= 4 ? bytes.readUInt32BE(0) : 0
  return bytes.toString('latin1', 4, 4 + Math.min(length, 64))
}

/** Names under which known_hosts files keep a host: bare for port 22, else `[host]:port`. */
export function knownNames(address: string, port: number): string[] {
  return port === 22 ? [address] : [`[${address}]:${port}`]
}

/** Adds a key that the operator has accepted. */
export function addKnownHost(file: string, name: string, key: Uint8Array): void {
  mkdirSync(dirname(file), {recursive: true, mode: 0o700})
  const line = `${name} ${keyType(key)} ${Buffer.from(key).toString('base64')}\n`
  appendFileSync(file, line, {mode: 0o600})
}

function sameKey(blob: string, key: Uint8Array): boolean {
  const known = Buffer.from(blob, 'base64')
  return known.length === key.length && timingSafeEqual(known, key)
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw error
  }
}

function keyOf(line: string, names: readonly string[]): KnownKey[] {
  const [hosts = '', type = '', blob = ''] = line.trim().split(/\s+/)
  // "@revoked" and "@cert-authority" lines vouch for nothing here.
  if (hosts === '' || hosts.startsWith('#') || hosts.startsWith('@') || blob === '') return []
  const matches = hosts.split(',').some((pattern) => names.some((name) => fits(pattern, name)))
  return matches ? [{type, blob}] : []
}

function fits(pattern: string, name: string): boolean {
  if (!pattern.startsWith('|1|')) return pattern === name
  const [, , salt = '', hash = ''] = pattern.split('|')
  return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash
}
