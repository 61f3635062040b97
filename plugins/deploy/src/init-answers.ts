/** Answers that init takes apart or asks for only when they are needed. */

import {choose, type TopologyAnswers} from 'aisctl/kit'

type Become = TopologyAnswers['become']

/** Root needs nothing; others are asked, or take sudo. */
export function askBecome(user: string, yes: boolean): Promise<Become> {
  if (user === 'root') return Promise.resolve('none')
  if (yes) return Promise.resolve('sudo')
  return choose<Become>(
    `How does ${user} become root?`,
    [
      {name: 'sudo without a password', value: 'sudo'},
      {name: 'sudo with a password, asked once', value: 'sudo-password'},
    ],
    '--become',
  )
}

/** Words set apart by commas or blanks. */
export function wordsOf(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== '')
}
