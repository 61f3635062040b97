/**
 * Draws the same thing again and again: in place on a terminal, one below the other elsewhere. Ends
 * after `count` drawings or when the person interrupts, which is no error here.
 */

import {setTimeout as sleep} from 'node:timers/promises'
import type {WriteStream} from 'node:tty'

export interface RedrawOptions {
  /** Absent: drawn once. */
  readonly refreshMs: number | undefined
  /** Absent: until interrupted. */
  readonly count: number | undefined
  readonly stream: WriteStream
  /** Each drawing is one line for a script: neither in place nor set apart. */
  readonly lineByLine?: boolean
}

/** Faster than this only burns the cluster's time. */
const REFRESH_MIN_MS = 200

export async function redraw(
  draw: () => Promise<readonly string[]>,
  {refreshMs, count, stream, lineByLine = false}: RedrawOptions,
): Promise<void> {
  const stopped = new AbortController()
  const stop = (): void => stopped.abort()
  if (refreshMs !== undefined) process.once('SIGINT', stop)
  try {
    let drawn = 0
    for (let turn = 1; ; turn++) {
      const lines = await drawUnless(stopped.signal, draw)
      if (lines === undefined) return
      // What is drawn once may scroll; only what is drawn again has to fit.
      const plain = lineByLine || refreshMs === undefined
      stream.write(plain ? `${lines.join('\n')}\n` : frame(lines, drawn, stream))
      drawn = lines.length
      if (refreshMs === undefined || turn === count) return
      if (await interrupted(Math.max(refreshMs, REFRESH_MIN_MS), stopped.signal)) return
    }
  } finally {
    process.removeListener('SIGINT', stop)
  }
}

/** Undefined when the person interrupted while it was gathered: an end like any other. */
async function drawUnless(
  stopped: AbortSignal,
  draw: () => Promise<readonly string[]>,
): Promise<readonly string[] | undefined> {
  try {
    return await draw()
  } catch (error) {
    if (stopped.aborted) return undefined
    throw error
  }
}

const ERASE_LINE = '\u001b[K'
const ERASE_BELOW = '\u001b[J'

function frame(lines: readonly string[], drawn: number, stream: WriteStream): string {
  if (!stream.isTTY) return `${drawn === 0 ? '' : '\n'}${lines.join('\n')}\n`
  // A terminal that does not know its height says 0.
  const room = stream.rows > 1 ? stream.rows - 1 : Infinity
  const up = drawn === 0 ? '' : `\u001b[${Math.min(drawn, room)}A`
  const shown = lines.slice(-room)
  return `${up}${shown.map((line) => `${line}${ERASE_LINE}\n`).join('')}${ERASE_BELOW}`
}

async function interrupted(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(ms, undefined, {signal})
    return false
  } catch (error) {
    if (signal.aborted) return true
    throw error
  }
}
