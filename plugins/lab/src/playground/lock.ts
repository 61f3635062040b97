/**
 * One at a time chooses ports and writes a record, so that two `up` at once never choose the same.
 * Held by a file with the holder's pid; one whose holder has ended counts for nothing.
 */

import {closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync} from 'node:fs'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {AisError} from 'aisctl/kit'
import {playgroundsDir} from './record.ts'

/** Choosing ports takes milliseconds; whoever holds it longer hangs. */
const PATIENCE_MS = 10_000
const POLL_MS = 10

export async function withLock<T>(use: () => Promise<T>): Promise<T> {
  mkdirSync(playgroundsDir(), {recursive: true, mode: 0o700})
  const file = join(playgroundsDir(), 'lock')
  const deadline = performance.now() + PATIENCE_MS
  while (!take(file)) {
    if (performance.now() > deadline) throw held(file)
    await sleep(POLL_MS)
  }
  try {
    return await use()
  } finally {
    rmSync(file, {force: true})
  }
}

function take(file: string): boolean {
  try {
    const descriptor = openSync(file, 'wx', 0o600)
    writeSync(descriptor, String(process.pid))
    closeSync(descriptor)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    if (hasEnded(file)) rmSync(file, {force: true})
    return false
  }
}

/** A file that is still empty is being written at this moment. */
function hasEnded(file: string): boolean {
  try {
    const pid = Number(readFileSync(file, 'utf8'))
    if (pid > 0) process.kill(pid, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

function held(file: string): AisError {
  return new AisError({
    code: 'BUSY',
    message: 'another aisctl is making a playground and does not come to an end',
    hint: `end it, or remove ${file}`,
  })
}
