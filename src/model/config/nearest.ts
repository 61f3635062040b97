/** The known word that a mistyped one most likely meant. Only for hints, never to decide. */

/** Edits beyond which two words are no longer called similar. */
const EDITS_MAX = 3

/** The closest of `words`, or undefined when none is similar. Ties go to the first. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  let best: string | undefined
  let bestEdits = Math.min(EDITS_MAX, Math.floor(word.length / 2)) + 1
  for (const candidate of words) {
    const edits = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (edits < bestEdits) {
      best = candidate
      bestEdits = edits
    }
  }
  return best
}

/** Insertions, deletions, substitutions and swaps of neighbours between two words. */
export function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({length: b.length + 1}, (_, index) => index)]
  const at = (row: number, column: number): number => rows[row]?.[column] ?? 0
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    rows.push(current)
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1] ? 0 : 1
      let edits = Math.min(
        at(row - 1, column) + 1,
        at(row, column - 1) + 1,
        at(row - 1, column - 1) + same,
      )
      if (a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1] && row > 1 && column > 1) {
        edits = Math.min(edits, at(row - 2, column - 2) + 1)
      }
      current.push(edits)
    }
  }
  return at(a.length, b.length)
}
