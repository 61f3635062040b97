/**
 * The main thread's end of the metadata store: one save at a time; of several that wait the newest
 * alone is written, and all are then reported, oldest first.
 */

import {Worker} from 'node:worker_threads'

import type {DurableState, StoredRecord} from '../../core/kernel/events.ts'
import type {SavedRecord, SavedState} from '../store/state/meta-store.ts'
import type {Fatal, FromStore, ThreadStart, ToStore} from './ports.ts'

export type Loaded = Extract<FromStore, {type: 'loaded'}>

export interface StorePort {
  readonly loaded: Promise<Loaded>
  readonly save: (token: number, state: DurableState) => void
  readonly close: () => Promise<void>
}

export interface StorePortDeps {
  /** The program's entry file, which is also that of its threads. */
  readonly entry: URL
  readonly directory: string
  readonly saved: (tokens: readonly number[], state: DurableState) => void
  readonly fatal: (fatal: Fatal) => void
}

interface Waiting {
  tokens: number[]
  state: DurableState
}

export function openStorePort(deps: StorePortDeps): StorePort {
  const start: ThreadStart = {kind: 'store', directory: deps.directory}
  const worker = new Worker(deps.entry, {workerData: start})
  let writing: Waiting | null = null
  let waiting: Waiting | null = null
  let closing = false

  function write(next: Waiting): void {
    writing = next
    const token = next.tokens.at(-1) ?? 0
    worker.postMessage({type: 'save', token, state: savedOf(next.state)} satisfies ToStore)
  }

  function onSaved(): void {
    const done = writing
    writing = null
    if (waiting !== null) {
      const next = waiting
      waiting = null
      write(next)
    }
    if (done !== null) deps.saved(done.tokens, done.state)
  }

  const loaded = new Promise<Loaded>((resolve) => {
    worker.on('message', (message: FromStore) => {
      if (message.type === 'loaded') resolve(message)
      else if (message.type === 'saved') onSaved()
      else deps.fatal(message)
    })
  })
  worker.on('error', (error: Error) => deps.fatal(threadDied('metadata store', error)))
  worker.on('exit', () => {
    if (!closing) deps.fatal(threadDied('metadata store', new Error('it ended')))
  })

  return {
    loaded,
    save: (token, state) => {
      if (writing === null) write({tokens: [token], state})
      else if (waiting === null) waiting = {tokens: [token], state}
      else waiting = {tokens: [...waiting.tokens, token], state}
    },
    close: async () => {
      closing = true
      await worker.terminate()
    },
  }
}

/** Decoded records stay here: to copy them for another thread takes longer than to write them. */
function savedOf(state: DurableState): SavedState {
  const {accepted, committed} = state
  return {...state, accepted: textOf(accepted), committed: textOf(committed)}
}

function textOf(stored: StoredRecord | null): SavedRecord | null {
  return stored === null ? null : {text: stored.text, sha: stored.sha}
}

/** A thread that ended by itself takes the node with it. */
export function threadDied(name: string, error: Error): Fatal {
  return {
    type: 'fatal',
    status: 1,
    refusal: {
      code: 'INTERNAL',
      message: `the ${name} thread failed: ${error.stack ?? error.message}`,
      hint: 'the node starts again by itself; please report this',
    },
  }
}
