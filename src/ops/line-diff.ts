/** How one text becomes another, line by line, with some lines around each change. */

import {diff} from 'node:util'

/** Unchanged lines shown before and after a change. */
const CONTEXT_LINES = 3
/** The comparison takes time by the square of what differs: longer texts are shown whole. */
const LINES_MAX = 5000

interface Line {
  readonly sign: '+' | '-' | ' '
  readonly text: string
  /** In the new text, from 1; of a line that goes, where it was. */
  readonly at: number
}

/**
 * Lines that begin with `+`, `-` or a blank; `@@ 12` where lines were left out, with the number of
 * the next one in the new text. Empty when the texts are equal.
 */
export function lineDiff(before: string, after: string): string[] {
  if (before === after) return []
  const lines = numbered(compare(linesOf(before), linesOf(after)))
  const near = lines.map((_, at) =>
    lines
      .slice(Math.max(at - CONTEXT_LINES, 0), at + CONTEXT_LINES + 1)
      .some(({sign}) => sign !== ' '),
  )
  return lines.flatMap(({sign, text, at}, index) => {
    if (near[index] !== true) return []
    const gap = index === 0 || near[index - 1] === true ? [] : [`@@ ${at}`]
    return [...gap, `${sign}${text}`]
  })
}

/** 1: in the old text alone; -1: in the new one alone. */
type Change = readonly [operation: number, text: string]

function compare(before: readonly string[], after: readonly string[]): readonly Change[] {
  if (before.length + after.length <= LINES_MAX) return diff(before, after)
  return [...before.map((text): Change => [1, text]), ...after.map((text): Change => [-1, text])]
}

function numbered(changes: readonly Change[]): Line[] {
  let at = 1
  return changes.map(([operation, text]): Line => {
    if (operation > 0) return {sign: '-', text, at}
    return {sign: operation < 0 ? '+' : ' ', text, at: at++}
  })
}

function linesOf(text: string): string[] {
  const lines = text.split('\n')
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines
}
