/** SHA-256 at the edge of the virtual world, remembered for the texts that travel most. */

import {createHash} from 'node:crypto'

const KNOWN_MAX = 8192
const known = new Map<string, string>()

/** Lower-case hex of the UTF-8 bytes. */
export function sha256(text: string): string {
  const found = known.get(text)
  if (found !== undefined) return found
  const hash = createHash('sha256').update(text).digest('hex')
  if (known.size >= KNOWN_MAX) known.clear()
  known.set(text, hash)
  return hash
}
