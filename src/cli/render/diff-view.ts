/** Lines of a difference in the colours that everybody knows. */

import type {Paint} from './paint.ts'

/** @param lines with `+`, `-`, a blank or `@@` in front */
export function paintDiff(lines: readonly string[], paint: Paint): string[] {
  return lines.map((line) => {
    if (line.startsWith('@@')) return paint('cyan', line)
    if (line.startsWith('+')) return paint('green', line)
    return line.startsWith('-') ? paint('red', line) : line
  })
}
