/**
 * An error as a person or a script reads it: what happened, the next command, the exit code. The
 * one place where errors become text.
 */

import {AisError} from '../base/errors.ts'
import {fileError} from '../client/reasons.ts'
import {prettyJson} from './render/json.ts'
import {paintFor} from './render/paint.ts'

/** Exit code of a defect of aisctl itself (EX_SOFTWARE). */
const EXIT_DEFECT = 70
/** oclif's exit code of a command line that it does not understand. */
const EXIT_USAGE = 2

type Thrown = Error & {readonly code?: string; readonly oclif?: {readonly exit?: number}}

/** Whether oclif only wants to end (`--help`, `this.exit(n)`): not for us to report. */
export function isExit(error: Thrown): boolean {
  return error.code === 'EEXIT'
}

/** Prints the error and sets the exit code. */
export function report(error: Thrown, json: boolean): void {
  const known = asAisError(error)
  process.exitCode = known === undefined ? EXIT_DEFECT : known.exit
  if (json) process.stdout.write(`${prettyJson({error: toJson(error, known)})}\n`)
  else process.stderr.write(`${toLines(error, known).join('\n')}\n`)
}

/** What oclif adds to every complaint about arguments. */
const NOISE = /^\s*$|^Note: --|^Alternatively, you can use "--"/

/** What an operator can meet: our own errors, files, and oclif's complaints. */
function asAisError(error: Thrown): AisError | undefined {
  if (error instanceof AisError) return error
  if (error.oclif?.exit !== EXIT_USAGE) return fileError(error)
  const [first = '', ...rest] = error.message
    .replace(/\nSee more help with --help$/, '')
    .split('\n')
  const message = [first, ...rest.filter((line) => !NOISE.test(line))].join('\n')
  return new AisError(
    {code: 'USAGE', message, hint: 'see how it is used: add --help to the command'},
    error,
  )
}

function toJson(error: Thrown, known: AisError | undefined): unknown {
  if (known === undefined) return {code: 'DEFECT', message: error.message, exit: EXIT_DEFECT}
  const {code, message, hint, details, exit} = known
  return {code, message, hint, details, exit}
}

function toLines(error: Thrown, known: AisError | undefined): readonly string[] {
  const paint = paintFor(process.stderr)
  if (known !== undefined) {
    const hint = known.hint === undefined ? [] : [`  ${known.hint}`]
    return [`${paint('red', 'Error:')} ${known.message}`, ...hint]
  }
  const words = process.argv.slice(2).join(' ')
  return [
    `${paint('red', 'This is a defect of aisctl:')} ${error.message}`,
    `  please report it with the output of: DEBUG=* aisctl ${words}`,
    ...(process.env['DEBUG'] === undefined ? [] : [error.stack ?? '']),
  ]
}
