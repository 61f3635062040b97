/** Numbers out of words of a command line; pure. */

import {AisError} from 'aisctl/kit'

/** Longer than this is a cut, not a delay. */
const DELAY_MS_MAX = 60_000

/** 0 to 100; a trailing `%` may stand. */
export function parsePercent(word: string): number {
  const percent = Number(word.replace(/%$/, ''))
  if (word !== '' && percent >= 0 && percent <= 100) return percent
  throw wrong(word, 'is no share', 'say a number from 0 to 100')
}

/** Milliseconds; a trailing `ms` may stand. */
export function parseMs(word: string): number {
  const ms = Number(word.replace(/ms$/, ''))
  if (word !== '' && ms >= 0 && ms <= DELAY_MS_MAX) return ms
  throw wrong(word, 'is no delay', `say milliseconds, at most ${DELAY_MS_MAX}`)
}

function wrong(word: string, problem: string, hint: string): AisError {
  return new AisError({code: 'USAGE', message: `${JSON.stringify(word)} ${problem}`, hint})
}
