/** `KEY=VALUE …` on a command line, or AIStore's other spelling, `KEY VALUE`. */

import {AisError} from '../base/errors.ts'

export type Assignment = readonly [key: string, value: string]

/** @throws AisError USAGE when a word is neither */
export function parseAssignments(words: readonly string[]): readonly Assignment[] {
  const [key, value, ...rest] = words
  const spaced = key !== undefined && value !== undefined && rest.length === 0
  if (spaced && isKey(key) && !value.includes('=')) return [[key, value]]
  return words.map((word) => {
    const equals = word.indexOf('=')
    if (equals > 0 && isKey(word.slice(0, equals))) {
      return [word.slice(0, equals), word.slice(equals + 1)]
    }
    throw new AisError({
      code: 'USAGE',
      message: `${JSON.stringify(word)} is not of the form KEY=VALUE`,
      hint: 'for example: rebalance.enabled=false',
    })
  })
}

function isKey(text: string): boolean {
  return /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/.test(text)
}
