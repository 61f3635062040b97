/**
 * A node never gives up starting, and systemd starts it again after two seconds, for ever. One that
 * fails for the same reason again and again waits longer each time before it ends, and says so in
 * its STATUS. What it remembers lies in the runtime directory, which goes with an ordered stop.
 */

import {spawnSync} from 'node:child_process'
import {readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'

const FILE = 'start-error.json'
/** Tries that are not slowed down: a port or a disk may be free in a moment. */
const QUICK_TRIES = 3
/** Less than TimeoutStartSec, and short enough for whoever has mended it. */
const WAIT_MS_MAX = 30_000

type Variables = Readonly<Record<string, string | undefined>>

interface StartError {
  readonly message: string
  readonly times: number
}

/** Notes the error; gives how long to wait before the end. 0 without systemd. */
export function noteStartError(variables: Variables, message: string): number {
  const directory = variables['RUNTIME_DIRECTORY']
  if (directory === undefined || directory === '') return 0
  const before = readError(join(directory, FILE))
  const times = before?.message === message ? before.times + 1 : 1
  writeError(join(directory, FILE), {message, times})
  const waitMs = waitOf(times)
  if (waitMs > 0)
    tellStatus(variables, `cannot start (${times} times): ${message}; again in ${waitMs / 1000} s`)
  return waitMs
}

/** The node has started: the next error is a new one. */
export function forgetStartErrors(variables: Variables): void {
  const directory = variables['RUNTIME_DIRECTORY']
  if (directory !== undefined && directory !== '') rmSync(join(directory, FILE), {force: true})
}

/** Doubles from one second. */
export function waitOf(times: number): number {
  if (times <= QUICK_TRIES) return 0
  return Math.min(1000 * 2 ** (times - QUICK_TRIES - 1), WAIT_MS_MAX)
}

function readError(path: string): StartError | undefined {
  try {
    const {message, times} = JSON.parse(readFileSync(path, 'utf8')) as StartError
    return {message, times}
  } catch (error) {
    // None yet, half of one, or none that can be read: this counts as the first.
    const {code} = error as NodeJS.ErrnoException
    if (code !== undefined || error instanceof SyntaxError) return undefined
    throw error
  }
}

/** A full or missing directory only makes the node try quickly. */
function writeError(path: string, error: StartError): void {
  try {
    writeFileSync(`${path}.new`, JSON.stringify(error))
    renameSync(`${path}.new`, path)
  } catch (failed) {
    const {code} = failed as NodeJS.ErrnoException
    if (code === undefined) throw failed
  }
}

function tellStatus(variables: Variables, text: string): void {
  const socket = variables['NOTIFY_SOCKET']
  if (socket === undefined || socket === '') return
  spawnSync('systemd-notify', [`STATUS=${text.replaceAll('\n', ' ')}`], {timeout: 2000})
}
