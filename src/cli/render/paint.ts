/**
 * Colour, when there is somebody to see it: a terminal, and no NO_COLOR (https://no-color.org).
 * Words carry the meaning, colour only repeats it.
 */

import type {Writable} from 'node:stream'
import {styleText} from 'node:util'

export type Style = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold'
export type Paint = (style: Style, text: string) => string

/** Paints nothing: for files, pipes and tests. */
export const plain: Paint = (_style, text) => text

/** Node's own rules for the stream: a TTY, NO_COLOR, FORCE_COLOR, TERM=dumb. */
export function paintFor(stream: Writable): Paint {
  return (style, text) => styleText(style, text, {stream})
}
