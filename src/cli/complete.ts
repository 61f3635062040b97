/**
 * What the shell asks at every TAB: the words so far go in, candidates come out, one per line, with
 * a tab and a description. Runs without the command framework and asks the cluster with a short
 * limit, because somebody is waiting with a finger on the key.
 */

import type {CommandFacts, FlagFacts} from './completion/commands.ts'
import {readCommands} from './completion/commands.ts'
import type {Candidate, ValueContext, ValueKind} from './completion/values.ts'
import {valuesOf} from './completion/values.ts'

/** A TAB is answered within 150 ms; starting takes a third of it. */
const ASK_MS = 70

/** The shell's own completion of file names is wanted. */
export const FILES = ':files'

/**
 * @param words what stands after `aisctl`, the last one being typed ('' when it has not begun)
 * @param root folder of package.json
 * @param askMs how long the cluster may take to answer
 */
export async function complete(
  words: readonly string[],
  root: string,
  askMs = ASK_MS,
): Promise<string> {
  const commands = readCommands(root)
  const typed = words.at(-1) ?? ''
  const before = words.slice(0, -1)
  const found = locate(commands, before)
  const candidates = await candidatesOf(commands, {before, typed, found, askMs})
  if (candidates === 'files') return `${FILES}\n`
  const shown = candidates.filter(({word}) => word.startsWith(typed))
  return shown
    .map(({word, description}) => `${word}\t${description ?? ''}\n`)
    .toSorted()
    .join('')
}

interface Found {
  readonly command: CommandFacts | undefined
  /** Words that name the command or topic. */
  readonly name: readonly string[]
  /** What follows them, flags and their values left out. */
  readonly args: readonly string[]
  /** A flag that still waits for its value. */
  readonly open: FlagFacts | undefined
}

interface Situation {
  readonly before: readonly string[]
  readonly typed: string
  readonly found: Found
  readonly askMs: number
}

async function candidatesOf(
  commands: readonly CommandFacts[],
  {before, typed, found, askMs}: Situation,
): Promise<readonly Candidate[] | 'files'> {
  const context = {cluster: clusterOf(before), typed, askMs}
  const {command, name, args, open} = found
  if (open !== undefined) return flagValues(open, context)
  const assigned = /^(--[a-z-]+)=/.exec(typed)?.[1]
  const flag = command?.flags.find((one) => `--${one.name}` === assigned)
  if (flag !== undefined) return prefixed(`${assigned}=`, await flagValues(flag, context))
  if (typed.startsWith('-')) return (command?.flags ?? []).map(flagCandidate)
  const below = args.length === 0 ? nextWords(commands, name) : []
  const arg = command === undefined ? undefined : argumentAt(command, args.length)
  if (arg === undefined) return below
  const values = arg.options ?? (await valuesOf(arg.kind, context))
  if (values === 'files') return below.length > 0 ? below : 'files'
  return [...below, ...values.map(toCandidate)]
}

/** The argument that comes next; the last one again and again where a command takes many. */
function argumentAt(
  {args, strict}: CommandFacts,
  at: number,
): CommandFacts['args'][number] | undefined {
  return args[at] ?? (strict ? undefined : args.at(-1))
}

function toCandidate(value: string | Candidate): Candidate {
  return typeof value === 'string' ? {word: value} : value
}

/** The longest run of words that names a command or a topic; flags may stand anywhere. */
function locate(commands: readonly CommandFacts[], before: readonly string[]): Found {
  const name: string[] = []
  const args: string[] = []
  let open: FlagFacts | undefined
  for (const word of before) {
    if (open !== undefined) {
      open = undefined
    } else if (word.startsWith('-') && word !== '-') {
      const command = commandNamed(commands, name)
      const flag = command?.flags.find((one) => `--${one.name}` === word || `-${one.char}` === word)
      open = flag?.takesValue === true ? flag : undefined
    } else if (args.length === 0 && nextWords(commands, name).some((one) => one.word === word)) {
      name.push(word)
    } else {
      args.push(word)
    }
  }
  return {command: commandNamed(commands, name), name, args, open}
}

function commandNamed(
  commands: readonly CommandFacts[],
  name: readonly string[],
): CommandFacts | undefined {
  const id = name.join(' ')
  return commands.find((command) => command.name === id)
}

/** Words that may follow those of a topic, each with what it does when it is a command. */
function nextWords(
  commands: readonly CommandFacts[],
  name: readonly string[],
): readonly Candidate[] {
  const start = name.length === 0 ? '' : `${name.join(' ')} `
  const next = new Map<string, Candidate>()
  for (const command of commands) {
    if (command.hidden || !command.name.startsWith(start)) continue
    const [word = '', ...more] = command.name.slice(start.length).split(' ')
    if (more.length === 0) next.set(word, {word, description: command.summary})
    else if (!next.has(word)) next.set(word, {word})
  }
  return [...next.values()]
}

function flagCandidate({name, summary}: FlagFacts): Candidate {
  return {word: `--${name}`, description: summary}
}

const FLAG_KINDS: Readonly<Record<string, ValueKind>> = {
  cluster: 'cluster',
  explain: 'finding',
  topology: 'file',
  name: 'playground',
  survivor: 'node',
}

async function flagValues(
  {name, options}: FlagFacts,
  context: ValueContext,
): Promise<readonly Candidate[] | 'files'> {
  const values = options ?? (await valuesOf(FLAG_KINDS[name] ?? 'none', context))
  return values === 'files' ? values : values.map(toCandidate)
}

function prefixed(
  prefix: string,
  candidates: readonly Candidate[] | 'files',
): readonly Candidate[] | 'files' {
  if (candidates === 'files') return candidates
  return candidates.map((one) => ({...one, word: prefix + one.word}))
}

/** The value of `--cluster` on this very line. */
function clusterOf(words: readonly string[]): string | undefined {
  const at = words.indexOf('--cluster')
  if (at >= 0) return words[at + 1]
  return words.find((word) => word.startsWith('--cluster='))?.slice('--cluster='.length)
}
