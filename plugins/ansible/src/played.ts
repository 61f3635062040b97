/** What is said when a playbook has been played: what it would do, what changed, how it ended. */

import type {Play} from './play.ts'

/** The answer of `--json`. */
export interface Played {
  readonly playbook: string
  /** Of ansible-playbook. */
  readonly exit: number
  readonly changed: readonly string[]
  /** With --check: what would be done, by host. */
  readonly steps: Readonly<Record<string, readonly string[]>>
  /** Ansible's own words. */
  readonly log: string
}

export function playedOf(play: Play, exit: number, at: Pick<Played, 'playbook' | 'log'>): Played {
  const changed = [...play.changed()].toSorted()
  return {...at, exit, changed, steps: Object.fromEntries(play.steps())}
}

/** @param error that the run ended with */
export function playedLines(played: Played, error: Error | undefined): readonly string[] {
  const {playbook, exit, changed, steps, log} = played
  const would = Object.entries(steps).flatMap(([host, own]) =>
    own.map((step) => `  ${host}: ${step}`),
  )
  const what = changed.length === 0 ? 'nothing changed' : `changed: ${changed.join(', ')}`
  return error === undefined
    ? [...would, `${playbook} is done; ${what}. Look: aisctl show cluster`]
    : [...would, error.message, `${playbook} has ended with ${exit}; see: ${log}`]
}
