/**
 * One host, held for a run: the helper on it (lock.sh) gets a sign of life every few seconds, takes
 * the lock when told, and keeps the run's files. When it goes, the host is lost to the run.
 */

import {PassThrough} from 'node:stream'
import {AisError} from '../../base/errors.ts'
import type {Host} from '../host/host.ts'
import {parseJsonObject} from '../host/output.ts'
import {commandError, runScript} from '../host/script.ts'
import {parseHolder, type Holder} from './holder.ts'

/** Several within the 15 s after which a host lets go. */
const BEAT_MS = 3000
/** One word and a flush; a host that needs longer than it would hold the lock is as good as lost. */
const ANSWER_MS = 20_000
/** Seven digits. */
const BODY_BYTES_MAX = 9_999_999

export type TakeOutcome =
  /** `head`: of the audit there. `state`: hash of what it knows of the topology. */
  | {readonly type: 'taken'; readonly head: string; readonly state: string}
  /** By whom; undefined when its holder left no name: a playbook. */
  | {readonly type: 'held'; readonly holder: Holder | undefined}

/** Files are named relative to /var/lib/aisctl. Each call resolves when it is on disk there. */
export interface HeldHost {
  readonly name: string
  take(holder: Holder): Promise<TakeOutcome>
  append(file: string, line: string): Promise<void>
  put(file: string, text: string): Promise<void>
  remove(file: string): Promise<void>
  /** Appends a JSON object to a chain: each line has the hash of the one before. */
  chain(file: string, line: string): Promise<void>
  /** Removes runs that are over, but for the newest. */
  prune(): Promise<void>
  /** Why the helper has ended, once it has. */
  readonly ended: Promise<Error>
  release(): Promise<void>
}

interface Waiting {
  resolve(answer: Record<string, unknown>): void
  reject(error: Error): void
}

/** Starts the helper; nothing is locked yet. The first call tells whether the host can be reached. */
export function openHeldHost(host: Host): HeldHost {
  const stdin = new PassThrough()
  const waiting: Waiting[] = []
  const link = {over: undefined as Error | undefined, released: false}
  const onLine = (line: string, stream: 'stdout' | 'stderr'): void => {
    const answer = stream === 'stdout' ? parseJsonObject(line) : undefined
    if (answer !== undefined) waiting.shift()?.resolve(answer)
  }
  const beat = setInterval(() => stdin.write(wordOf('B', 0)), BEAT_MS)
  const ended = runScript(host, {
    script: 'lock.sh',
    args: [host.root ?? ''],
    follow: stdin,
    onLine,
  }).then(
    (result) => commandError(host, 'lock', result, 'the lock was let go'),
    (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
  )
  void ended.then((why) => {
    clearInterval(beat)
    link.over = why
    for (const one of waiting.splice(0)) one.reject(why)
  })
  const ask = (op: string, body: string): Promise<Record<string, unknown>> => {
    if (link.over !== undefined) return Promise.reject(link.over)
    const bytes = Buffer.from(body)
    if (bytes.length > BODY_BYTES_MAX) throw new Error(`${bytes.length} bytes for ${host.name}`)
    const {promise, resolve, reject} = Promise.withResolvers<Record<string, unknown>>()
    const timer = setTimeout(() => reject(tooSlow(host)), ANSWER_MS)
    waiting.push({resolve, reject})
    stdin.write(Buffer.concat([Buffer.from(wordOf(op, bytes.length)), bytes]))
    return promise.finally(() => clearTimeout(timer))
  }
  const keep = async (op: string, body: string): Promise<void> => {
    const {error} = await ask(op, body)
    if (error === undefined) return
    const message = `${host.name}: cannot keep the journal: ${JSON.stringify(error)}`
    throw new AisError({code: 'HOST_COMMAND', message, hint: 'nothing more is changed there'})
  }
  return {
    name: host.name,
    take: async (holder) => outcomeOf(await ask('T', `${JSON.stringify(holder)}\n`), host),
    append: (file, line) => keep('A', `${file}\n${line}\n`),
    put: (file, text) => keep('P', `${file}\n${text}`),
    remove: (file) => keep('R', `${file}\n`),
    chain: (file, line) => keep('C', `${file}\n${line}`),
    prune: () => keep('K', ''),
    ended,
    release: async () => {
      if (!link.released) stdin.end(wordOf('Q', 0))
      link.released = true
      await ended
    },
  }
}

function outcomeOf(answer: Record<string, unknown>, host: Host): TakeOutcome {
  const {taken, held, state} = answer
  if (typeof taken === 'string') return {type: 'taken', head: taken, state: String(state)}
  if (held !== undefined) return {type: 'held', holder: parseHolder(held)}
  const message = `${host.name}: cannot lock: ${JSON.stringify(answer)}`
  throw new AisError({code: 'HOST_COMMAND', message})
}

/** Ten bytes: the operation and the length of its body. */
function wordOf(op: string, length: number): string {
  return `${op} ${String(length).padStart(7, '0')}\n`
}

function tooSlow(host: Host): AisError {
  return new AisError({
    code: 'TIMED_OUT',
    message: `${host.name}: does not answer for its lock since ${ANSWER_MS / 1000} s`,
  })
}
