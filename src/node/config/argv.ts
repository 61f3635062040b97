/**
 * The command line of aisnode: AIStore's single-dash flags (`-role=target -local_config FILE`), our
 * own `--config FILE`, and the words `version`, `fsck` and `record`. Only words are read here;
 * files are read by `load.ts`. One or two dashes mean the same, as in Go.
 */

import {AisError, refusal} from '../../base/errors.ts'

/** Flags that take a value. */
const VALUE_FLAGS = [
  'role',
  'config',
  'local_config',
  'config_custom',
  'daemon_id',
  'ntargets',
] as const
/** Flags that are there or not (`-standby`, `-standby=true`). */
const SWITCHES = [
  'standby',
  'transient',
  'skip_startup',
  'loopback',
  'start_with_lost_mountpath',
  'json',
  'take',
] as const

type ValueFlag = (typeof VALUE_FLAGS)[number]
type Switch = (typeof SWITCHES)[number]

export interface Flags {
  readonly values: Readonly<Partial<Record<ValueFlag, string>>>
  readonly switches: Readonly<Partial<Record<Switch, boolean>>>
}

export type CommandLine =
  | {readonly type: 'usage'; readonly asked: boolean}
  | {readonly type: 'version'}
  | {readonly type: 'fsck'; readonly flags: Flags}
  | {readonly type: 'record'; readonly flags: Flags}
  | {readonly type: 'run'; readonly flags: Flags}

export const USAGE = `usage: aisnode --config FILE
       aisnode -role=proxy|target -config=FILE -local_config=FILE [-config_custom k=v,k2=v2]
               [-daemon_id ID] [-standby] [-transient] [-ntargets N]
       aisnode fsck --config FILE [--json]
       aisnode record --config FILE [--take]
       aisnode version
`

/**
 * What the arguments ask for. @throws AisError USAGE when a flag is not known or lacks its value
 */
export function parseArgv(argv: readonly string[]): CommandLine {
  const [word, ...rest] = argv
  if (word === undefined) return {type: 'usage', asked: false}
  if (/^--?(h|help)$/.test(word) || word === 'help') return {type: 'usage', asked: true}
  if (word === 'version' || /^--?version$/.test(word)) return {type: 'version'}
  if (word === 'fsck' || word === 'record') return {type: word, flags: parseFlags(rest)}
  return {type: 'run', flags: parseFlags(argv)}
}

function parseFlags(argv: readonly string[]): Flags {
  const values: Partial<Record<ValueFlag, string>> = {}
  const switches: Partial<Record<Switch, boolean>> = {}
  const rest = [...argv]
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const match = /^--?([a-z_]+)(?:=(.*))?$/s.exec(word)
    const name = match?.[1]
    if (name !== undefined && isOneOf(VALUE_FLAGS, name)) {
      const value = match?.[2] ?? rest.shift()
      if (value === undefined) throw usageError(`flag -${name} needs a value`)
      values[name] = value
    } else if (name !== undefined && isOneOf(SWITCHES, name)) {
      switches[name] = match?.[2] === undefined || match[2] === 'true'
    } else {
      throw usageError(`flag ${word} is not known`)
    }
  }
  return {values, switches}
}

function isOneOf<T extends string>(words: readonly T[], word: string): word is T {
  return (words as readonly string[]).includes(word)
}

function usageError(message: string): AisError {
  return new AisError(refusal('USAGE', message, {hint: 'run aisnode without arguments for usage'}))
}
