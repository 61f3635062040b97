/**
 * The file of a backup: what a cluster knows of itself, without its objects. Secrets are in it only
 * behind a passphrase. Text: a head with format, length and checksum, then JSON.
 */

import {createCipheriv, createDecipheriv, randomBytes, scryptSync} from 'node:crypto'
import {AisError} from '../../base/errors.ts'
import {sha256} from '../host/manifest.ts'
import {parseJsonObject} from '../host/output.ts'
import type {SavedState} from '../site/site.ts'

/** Number of the file's shape. */
export const BACKUP_FORMAT = 1
const HEAD = /^aisctl-backup (\d{1,9}) (\d{1,12}) ([0-9a-f]{64})\n/
/** scrypt takes 128 · N · r = 128 MiB, and about half a second: a guess costs as much. */
const SCRYPT = {N: 131_072, r: 8, p: 1} as const
const SCRYPT_MEMORY_MAX = 256 * 1024 * 1024
const KEY_BYTES = 32
const NONCE_BYTES = 12
const SALT_BYTES = 16
/** A passphrase that a file holds by mistake: somebody named the wrong file. */
const PASSPHRASE_CHARS_MIN = 8
const PASSPHRASE_CHARS_MAX = 1024

/** The replicated record, as a node keeps it. */
export interface BackedRecord {
  readonly epoch: number
  readonly index: number
  /** SHA-256 of its text. */
  readonly sha: string
  /** The text, as gzip in base64. */
  readonly packed: string
}

/** Secrets by name, sealed. Everything but `sealed` is needed to open it, and says nothing. */
export interface Sealed {
  readonly kdf: 'scrypt'
  readonly n: number
  readonly r: number
  readonly p: number
  readonly salt: string
  readonly cipher: 'aes-256-gcm'
  readonly nonce: string
  readonly tag: string
  readonly sealed: string
}

export interface Backup {
  readonly format: 1
  /** RFC 3339. */
  readonly made: string
  readonly state: SavedState
  /** Absent: no node kept one. */
  readonly record?: BackedRecord
  /** Head of the audit on each host that was asked. */
  readonly auditHeads: Readonly<Record<string, string>>
  readonly secrets?: Sealed
}

/** The text of the file. */
export function backupText(backup: Backup): string {
  const body = `${JSON.stringify(backup, null, 1)}\n`
  return `aisctl-backup ${BACKUP_FORMAT} ${Buffer.byteLength(body)} ${sha256(body)}\n${body}`
}

/** @param where for messages. @throws AisError BAD_CHECKSUM, INCOMPATIBLE, BAD_REQUEST */
export function parseBackup(text: string, where: string): Backup {
  const head = HEAD.exec(text)
  if (head === null) throw bad('BAD_REQUEST', `${where} is no backup of aisctl`)
  const [whole, format = '', length = '', sum = ''] = head
  if (Number(format) > BACKUP_FORMAT) {
    throw bad('INCOMPATIBLE', `${where}: format ${format} is not known`, 'use a newer aisctl')
  }
  const body = text.slice(whole.length)
  if (Buffer.byteLength(body) !== Number(length) || sha256(body) !== sum) {
    throw bad('BAD_CHECKSUM', `${where} is damaged or cut off`, 'take another copy of it')
  }
  const value = parseJsonObject(body) as Partial<Backup> | undefined
  if (value?.format === BACKUP_FORMAT && value.state !== undefined) return value as Backup
  throw bad('BAD_REQUEST', `${where} is no backup of aisctl`)
}

/**
 * Secrets behind a passphrase.
 * @param uuid of their cluster: sealed secrets of one open in no backup of another
 */
export function sealSecrets(
  secrets: Readonly<Record<string, string>>,
  passphrase: string,
  uuid: string,
): Sealed {
  const [salt, nonce] = [randomBytes(SALT_BYTES), randomBytes(NONCE_BYTES)]
  const cipher = createCipheriv('aes-256-gcm', keyOf(passphrase, salt, SCRYPT), nonce)
  cipher.setAAD(Buffer.from(uuid))
  const sealed = Buffer.concat([cipher.update(JSON.stringify(secrets), 'utf8'), cipher.final()])
  return {
    kdf: 'scrypt',
    n: SCRYPT.N,
    r: SCRYPT.r,
    p: SCRYPT.p,
    salt: salt.toString('base64'),
    cipher: 'aes-256-gcm',
    nonce: nonce.toString('base64'),
    tag: cipher.getAuthTag().toString('base64'),
    sealed: sealed.toString('base64'),
  }
}

/** The inverse of sealSecrets. @throws AisError FORBIDDEN when the passphrase is another */
export function openSecrets(
  sealed: Sealed,
  passphrase: string,
  uuid: string,
): Record<string, string> {
  const {n, r, p} = sealed
  // The file is not trusted before its tag is: it may not make us take any memory it likes.
  if (n !== SCRYPT.N || r !== SCRYPT.r || p !== SCRYPT.p) {
    throw bad('INCOMPATIBLE', 'the secrets are sealed in a way that is not known')
  }
  const bytes = (text: string): Buffer => Buffer.from(text, 'base64')
  const key = keyOf(passphrase, bytes(sealed.salt), SCRYPT)
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes(sealed.nonce), {
      authTagLength: 16,
    })
    decipher.setAAD(Buffer.from(uuid))
    decipher.setAuthTag(bytes(sealed.tag))
    const text = Buffer.concat([decipher.update(bytes(sealed.sealed)), decipher.final()])
    return JSON.parse(text.toString('utf8')) as Record<string, string>
  } catch (cause) {
    const message = 'the passphrase does not open the secrets of this backup'
    throw new AisError({code: 'FORBIDDEN', message, hint: 'name the file of the right one'}, cause)
  }
}

/** The passphrase of a file: its first line. @throws AisError BAD_REQUEST when it cannot be one */
export function passphraseOf(text: string, where: string): string {
  const [line = ''] = text.split('\n')
  const passphrase = line.replace(/\r$/, '')
  if (passphrase.length >= PASSPHRASE_CHARS_MIN && passphrase.length <= PASSPHRASE_CHARS_MAX) {
    return passphrase
  }
  throw bad(
    'BAD_REQUEST',
    `${where}: its first line is no passphrase`,
    `it needs ${PASSPHRASE_CHARS_MIN} characters at least`,
  )
}

function keyOf(passphrase: string, salt: Uint8Array, cost: typeof SCRYPT): Buffer {
  return scryptSync(passphrase, salt, KEY_BYTES, {...cost, maxmem: SCRYPT_MEMORY_MAX})
}

function bad(
  code: 'BAD_REQUEST' | 'BAD_CHECKSUM' | 'INCOMPATIBLE',
  message: string,
  hint?: string,
): AisError {
  return new AisError({code, message, ...(hint === undefined ? {} : {hint})})
}
