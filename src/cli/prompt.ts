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
  const {confirm: ask} = await import('@inquirer/prompts')
  if (!(await answered(ask({message: question, default: false})))) throw declined()
}

/** Asks for a word to be typed, where a yes would come too easily. */
export async function confirmByTyping(
  question: string,
  word: string,
  {yes, flag = '-y'}: ConfirmOptions,
): Promise<void> {
  if (yes) return
  requireTerminal(question, flag)
  const {input} = await import('@inquirer/prompts')
  const typed = await answered(input({message: `${question} Type ${word} to go on:`}))
  if (typed.trim() !== word) throw declined()
}

/** One of several. */
export async function choose<Value extends string>(
  question: string,
  choices: readonly {readonly name: string; readonly value: Value}[],
  flag: string,
): Promise<Value> {
  requireTerminal(question, flag)
  const {select} = await import('@inquirer/prompts')
  return answered(select<Value>({message: question, choices: [...choices]}))
}

function requireTerminal(question: string, flag: string): void {
  if (process.stdin.isTTY && process.stdout.isTTY) return
  throw new AisError({
    code: 'REFUSED',
    message: `this needs an answer, and there is no terminal to ask at: ${question}`,
    hint: flag.startsWith('-') ? `answer it on the command line: ${flag}` : flag,
  })
}

async function answered<T>(question: Promise<T>): Promise<T> {
  try {
    return await question
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
  const {password} = await import('@inquirer/prompts')
  return answered(password({message: question, mask: false}))
}

/** A line of text, with what is taken when it is left empty. */
export async function askText(question: string, fallback: string, flag: string): Promise<string> {
  requireTerminal(question, flag)
  const {input} = await import('@inquirer/prompts')
  return answered(input({message: question, default: fallback}))
}
