/**
 * How far one transfer is: percent, bytes and rate, in one line, for those long enough to be
 * watched.
 */

import {formatSize, MIB} from '../../base/units.ts'
import type {ProgressLine} from '../render/progress.ts'

/** Smaller ones are over before anybody could read it. */
const WATCHED_BYTES_MIN = 16 * MIB
const REDRAW_MS = 100

export interface TransferLine {
  /** Bytes so far. */
  at(bytes: number): void
}

/** @param total bytes in all; null when it is not known */
export function transferLine(line: ProgressLine, verb: string, total: number | null): TransferLine {
  let beganMs: number | undefined
  let drawnMs = performance.now()
  return {
    at: (bytes) => {
      const now = performance.now()
      beganMs ??= now
      if ((total ?? bytes) < WATCHED_BYTES_MIN || now - drawnMs < REDRAW_MS) return
      drawnMs = now
      const share =
        total === null ? '' : ` of ${formatSize(total)} (${Math.round((100 * bytes) / total)} %)`
      const rate = formatSize(Math.round((1000 * bytes) / Math.max(now - beganMs, 1)), 0)
      line.show(`${verb} ${formatSize(bytes)}${share}, ${rate}/s`)
    },
  }
}
