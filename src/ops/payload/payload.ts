/**
 * What a deploy ships: the daemon's bundle and a Node.js for each architecture, out of this
 * installation or out of one file that somebody has brought.
 */

import {findRelease, type Payload} from './release.ts'
import {findRuntime, knownArchitectures} from './runtime.ts'

export type {Payload}

/** @param bundle a file of `aisctl bundle create`, or another daemon than this installation's */
export async function openPayload(bundle?: string): Promise<Payload> {
  if (bundle !== undefined) {
    // Loaded when it is needed: no deploy without a bundle pays for it.
    const {isBundle, openBundle} = await import('./bundle-open.ts')
    if (isBundle(bundle)) return openBundle(bundle)
  }
  return {
    release: await findRelease(bundle),
    architectures: knownArchitectures(),
    runtime: findRuntime,
  }
}
