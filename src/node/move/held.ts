/** What this target holds of a key, for another one that asks: durable, or said to be unknown. */

import {AisError} from '../../base/errors.ts'
import type {Generation} from '../../model/generation.ts'
import type {ObjectKey} from '../store/object-store.ts'
import type {MoveDeps} from './context.ts'

/** Keys looked up between two turns of the event loop. */
export const LOOKUPS_PER_TURN = 32

/** Waits until what is visible of a key is durable. @throws AisError when that cannot be reached */
export function settled(deps: MoveDeps, key: ObjectKey): Promise<void> {
  return new Promise((resolve, reject) => {
    deps.store.whenSettled(key, () => {
      deps.store.whenDurable(key, (error) => (error === null ? resolve() : reject(error)))
    })
  })
}

/** @throws AisError when what is here cannot be read, or may lie on a disk that is away */
export function heldOf({store}: MoveDeps, key: ObjectKey): Generation | null {
  const lookup = store.lookup(key, false)
  switch (lookup.type) {
    case 'none':
      return null
    case 'tombstone':
      return lookup.attributes.gen
    case 'unsure': {
      const message = `${lookup.missing.join(', ')} may hold ${JSON.stringify(key.name)}`
      throw new AisError({code: 'IO_ERROR', message})
    }
    case 'object':
      store.close(lookup.file)
      return lookup.file.footer.attributes.gen
  }
}
