/**
 * The cluster key file: 64 hex characters per line, the first line signs, further lines are
 * accepted while keys rotate. Refused unless only its owner can read it. The keys leave this file
 * as bytes and are never logged.
 */

import {closeSync, fstatSync, openSync, readFileSync} from 'node:fs'
import {join} from 'node:path'

import {AisError, refusal} from '../../base/errors.ts'
import {CREDENTIAL_PREFIX} from '../../model/config/node-file.ts'

/** Two while rotating; more is a mistake. */
const KEYS_MAX = 2

/** The keys as lower-case hex, the signing one first. @throws AisError BAD_CONFIG */
export function readClusterKeys(
  name: string,
  variables: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const path = keyPath(name, variables)
  const lines = readPrivate(path)
    .split('\n')
    .map((line) => line.trim().toLowerCase())
    .filter((line) => line !== '')
  if (lines.length === 0 || lines.length > KEYS_MAX) {
    throw bad(path, `holds ${lines.length} keys`, `write 1 key, or ${KEYS_MAX} while rotating`)
  }
  if (!lines.every((line) => /^[0-9a-f]{64}$/.test(line))) {
    throw bad(path, 'a line is not 64 hex characters', 'make one with: openssl rand -hex 32')
  }
  return lines
}

function keyPath(name: string, variables: Readonly<Record<string, string | undefined>>): string {
  if (!name.startsWith(CREDENTIAL_PREFIX)) return name
  const folder = variables['CREDENTIALS_DIRECTORY']
  if (folder !== undefined && folder !== '') {
    return join(folder, name.slice(CREDENTIAL_PREFIX.length))
  }
  throw bad(name, '$CREDENTIALS_DIRECTORY is not set', 'start the node by its systemd unit')
}

function readPrivate(path: string): string {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new AisError(
      refusal('BAD_CONFIG', `cluster key file ${path}: cannot be read: ${why}`, {
        hint: 'deploy it again, or correct clusterKeyFile',
      }),
      cause,
    )
  }
  try {
    const stat = fstatSync(file)
    if (!stat.isFile()) throw bad(path, 'it is no file', 'correct clusterKeyFile')
    const {mode} = stat
    if ((mode & 0o077) !== 0) {
      const octal = (mode & 0o777).toString(8).padStart(4, '0')
      throw bad(path, `its mode is ${octal}: others can read it`, `chmod 0600 ${path}`)
    }
    return readFileSync(file, 'utf8')
  } finally {
    closeSync(file)
  }
}

function bad(path: string, wrong: string, hint: string): AisError {
  return new AisError(refusal('BAD_CONFIG', `cluster key file ${path}: ${wrong}`, {hint}))
}
