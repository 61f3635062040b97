/**
 * One line that says how far something is: rewritten in place on a terminal, a new line for each
 * change elsewhere. Written to stderr, so that stdout stays what scripts read.
 */

import type {WriteStream} from 'node:tty'

export interface ProgressLine {
  /** Replaces the line. */
  show(text: string): void
  /** Leaves the terminal as it was before the first `show`. */
  end(): void
}

export const silent: ProgressLine = {show: () => undefined, end: () => undefined}

export function progressLine(stream: WriteStream): ProgressLine {
  return stream.isTTY ? inPlace(stream) : lineByLine(stream)
}

const CLEAR_LINE = '\r\u001b[2K'

function inPlace(stream: WriteStream): ProgressLine {
  return {
    show: (text) => void stream.write(CLEAR_LINE + text.slice(0, Math.max(stream.columns - 1, 20))),
    end: () => void stream.write(CLEAR_LINE),
  }
}

/** A log wants to see that something happens, not every bit of it. */
const LOG_EVERY_MS = 1_000

function lineByLine(stream: WriteStream): ProgressLine {
  let last = ''
  let toldMs = -LOG_EVERY_MS
  return {
    show: (text) => {
      const now = performance.now()
      if (text === last || now - toldMs < LOG_EVERY_MS) return
      stream.write(`${text}\n`)
      last = text
      toldMs = now
    },
    end: () => undefined,
  }
}
