/**
 * How far this target's walk in a rebalance had come, kept on the system disk so that a restarted
 * node does not begin at the first name. A hint and nothing more: it may be old, or lost, and no
 * walk that began at it proves that nothing is left.
 */

import {AisError} from '../../../base/errors.ts'
import {canonicalJson} from '../../../base/canonical-json.ts'
import type {WalkCursor} from '../../../core/objects/move.ts'
import {count, decodeWith, struct, text} from '../../../wire/decode.ts'
import {parseJson} from '../../../wire/json.ts'
import {nodeFs, readWhole, writeWhole, type Fs} from '../fs/fs.ts'

const CURSOR_FILE = 'walk-cursor.json'
const CURSOR_FORMAT = 1
/** The longest name, escaped, and the rest. */
const CURSOR_BYTES_MAX = 16_384

export interface WalkCursorFile {
  /** The last one that was kept; null when there is none that can be read. */
  readonly load: () => WalkCursor | null
  /** Durable when it returns. */
  readonly keep: (cursor: WalkCursor) => void
}

const shape = struct({format: count, rebalance: count, entry: count, bid: text, after: text})

export function openWalkCursor(directory: string, port: Fs = nodeFs): WalkCursorFile {
  return {
    load: () => {
      const bytes = readWhole(port, `${directory}/${CURSOR_FILE}`, CURSOR_BYTES_MAX)
      return bytes === undefined ? null : parse(bytes.toString('utf8'))
    },
    keep: ({rebalance, entry, bid, after}) => {
      const fields = {format: CURSOR_FORMAT, rebalance, entry, bid, after}
      writeWhole(port, directory, CURSOR_FILE, Buffer.from(canonicalJson(fields), 'utf8'))
    },
  }
}

function parse(source: string): WalkCursor | null {
  try {
    const {format, rebalance, entry, bid, after} = decodeWith(shape, parseJson(source), 'cursor')
    return format === CURSOR_FORMAT ? {rebalance, entry, bid, after} : null
  } catch (error) {
    if (error instanceof AisError) return null
    throw error
  }
}
