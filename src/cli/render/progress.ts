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

function lineByLine(stream: WriteStream): ProgressLine {
  let last = ''
  return {
    show: (text) => {
      if (text !== last) stream.write(`${text}\n`)
      last = text
    },
    end: () => undefined,
  }
}
