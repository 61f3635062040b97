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
import {openMetaStore} from '../store/meta-store.ts'
import type {FromStore, ToStore} from './ports.ts'

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
  port.on('message', (message: ToStore) => {
    try {
      store.save(message.state)
      tell({type: 'saved', token: message.token})
    } catch (error) {
      tell({type: 'fatal', refusal: refusalOf(error, directory), status: EXIT_FAILED})
    }
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
