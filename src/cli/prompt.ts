/**
 * Questions to the person at the terminal. Without a terminal nothing is asked and nothing assumed:
 * the command refuses and names the flag that answers.
 */

import {AisError} from '../base/errors.ts'

export interface ConfirmOptions {
  /** `-y`: answered already. */
  readonly yes: boolean
  /** What the flag is called here. Default `-y`. */
  readonly flag?: string
}

/**
 * Resolves when the person agrees. @throws AisError REFUSED when not, or when nobody can be asked
 */
export async function confirm(question: string, {yes, flag = '-y'}: ConfirmOptions): Promise<void> {
  if (yes) return
  requireTerminal(question, flag)
  if (!(await ask<boolean>({type: 'confirm', message: question, default: false}))) throw declined()
}

/** Asks for a word to be typed, where a yes would come too easily. */
export async function confirmByTyping(
  question: string,
  word: string,
  {yes, flag = '-y'}: ConfirmOptions,
): Promise<void> {
  if (yes) return
  requireTerminal(question, flag)
  const typed = await ask<string>({type: 'input', message: `${question} Type ${word} to go on:`})
  if (typed.trim() !== word) throw declined()
}

export interface NameOptions {
  /** `--yes`: counts only together with the name. */
  readonly yes: boolean
  /** `--cluster-name`: the word as it would be typed. */
  readonly given: string | undefined
}

/**
 * Asks for the cluster's name; without a terminal it has to be given along with the yes, so that no
 * script meant for another cluster does it.
 */
export async function confirmByName(
  question: string,
  name: string,
  {yes, given}: NameOptions,
): Promise<void> {
  const flag = `--yes --cluster-name ${name}`
  if (given === undefined && !yes) return confirmByTyping(question, name, {yes: false, flag})
  if (yes && given === name) return
  const why =
    given === undefined
      ? '--yes alone is not enough here'
      : given === name
        ? '--cluster-name counts together with --yes'
        : `the cluster is called ${name}, not ${given}`
  throw new AisError({
    code: 'REFUSED',
    message: `${why}; nothing was changed`,
    hint: `when it is really meant: ${flag}`,
  })
}

/** One of several. */
export async function choose<Value extends string>(
  question: string,
  choices: readonly {readonly name: string; readonly value: Value}[],
  flag: string,
): Promise<Value> {
  requireTerminal(question, flag)
  return ask<Value>({type: 'select', message: question, choices: [...choices]})
}

function requireTerminal(question: string, flag: string): void {
  if (process.stdin.isTTY && process.stdout.isTTY) return
  throw new AisError({
    code: 'REFUSED',
    message: `this needs an answer, and there is no terminal to ask at: ${question}`,
    hint: flag.startsWith('-') ? `answer it on the command line: ${flag}` : flag,
  })
}

/** One question, in the shape that inquirer has for its type. */
type Question =
  | {readonly type: 'confirm'; readonly message: string; readonly default: boolean}
  | {readonly type: 'input'; readonly message: string; readonly default?: string}
  | {readonly type: 'password'; readonly message: string; readonly mask: false}
  | {
      readonly type: 'select'
      readonly message: string
      readonly choices: {readonly name: string; readonly value: string}[]
    }

/** Asks it; inquirer is loaded only when somebody is asked. */
async function ask<Answer>(question: Question): Promise<Answer> {
  const {default: inquirer} = await import('inquirer')
  try {
    const answers: {readonly answer: unknown} = await inquirer.prompt([
      {...question, name: 'answer'},
    ])
    return answers.answer as Answer
  } catch (error) {
    if (error instanceof Error && error.name === 'ExitPromptError') {
      throw new AisError({code: 'INTERRUPTED', message: 'interrupted; nothing was changed'}, error)
    }
    throw error
  }
}

function declined(): AisError {
  return new AisError({code: 'REFUSED', message: 'not confirmed; nothing was changed'})
}

/** A password: not shown, not kept. */
export async function askSecret(question: string): Promise<string> {
  requireTerminal(question, 'use a login that needs no password, or run it from a terminal')
  return ask<string>({type: 'password', message: question, mask: false})
}

/** A line of text, with what is taken when it is left empty. */
export async function askText(question: string, fallback: string, flag: string): Promise<string> {
  requireTerminal(question, flag)
  return ask<string>({type: 'input', message: question, default: fallback})
}
