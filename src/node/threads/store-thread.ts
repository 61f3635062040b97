/**
 * The metadata store's thread: loads once, then saves in the order of the messages, each durable
 * before it is reported. After a failed write nothing is known about the slot, so the process ends.
 */

import {parentPort} from 'node:worker_threads'

import {defined} from '../../base/assert.ts'
import {AisError, type Refusal} from '../../base/errors.ts'
import {decodeRecord} from '../../wire/record.ts'
import {EXIT_CONFIGURATION, EXIT_FAILED} from '../exit.ts'
import {reasonOf} from '../observe/log.ts'
import {openMetaStore} from '../store/state/meta-store.ts'
import type {FromStore, ToStore} from './ports.ts'

/** Without a write for this long, the last one is repeated into the other slot. */
const QUIET_MS = 1000

export function runStoreThread(directory: string): void {
  const port = defined(parentPort, 'the store runs in a worker thread')
  const tell = (message: FromStore): void => port.postMessage(message)
  const store = openMetaStore(directory, {decodeRecord})
  try {
    tell({type: 'loaded', ...store.load()})
  } catch (error) {
    tell({type: 'fatal', refusal: refusalOf(error, directory), status: EXIT_CONFIGURATION})
    return
  }
  const attempt = (write: () => void): void => {
    try {
      write()
    } catch (error) {
      tell({type: 'fatal', refusal: refusalOf(error, directory), status: EXIT_FAILED})
    }
  }
  let quiet: NodeJS.Timeout | undefined
  port.on('message', (message: ToStore) => {
    clearTimeout(quiet)
    attempt(() => {
      store.save(message.state)
      tell({type: 'saved', token: message.token})
    })
    quiet = setTimeout(() => attempt(store.repeat), QUIET_MS).unref()
  })
}

function refusalOf(error: unknown, directory: string): Refusal {
  if (error instanceof AisError) {
    return {code: error.code, message: error.message, hint: error.hint ?? ''}
  }
  return {
    code: 'IO_ERROR',
    message: `state directory ${directory}: ${reasonOf(error)}`,
    hint: 'check the disk under it; the node starts again by itself',
  }
}
