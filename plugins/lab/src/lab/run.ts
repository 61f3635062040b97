/** Child processes: one way to run a tool, one way to say that it failed. */

import {AisError} from 'aisctl/kit'
import {execa} from 'execa'

/** Lines of a failed tool's stderr that are shown. */
const STDERR_LINES_MAX = 5
/** No tool here takes longer, the package manager excepted, which says its own. */
const TOOL_TIMEOUT_MS = 300_000

export interface RunOptions {
  readonly input?: string
  readonly timeoutMs?: number
  /** Share the terminal with the tool. Default false: its output is captured. */
  readonly terminal?: boolean
  readonly env?: Readonly<Record<string, string>>
}

export interface RunResult {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a tool and returns how it ended, whatever that is. */
export async function attempt(
  argv: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const [file = '', ...words] = argv
  const result = await execa(file, words, {
    reject: false,
    timeout: options.timeoutMs ?? TOOL_TIMEOUT_MS,
    ...(options.terminal === true ? {stdio: 'inherit' as const} : {input: options.input ?? ''}),
    ...(options.env === undefined ? {} : {env: options.env}),
  })
  return {
    status: result.exitCode ?? 127,
    stdout: text(result.stdout),
    stderr: text(result.stderr) || (result.failed ? (result.shortMessage ?? '') : ''),
  }
}

/**
 * Runs a tool that has to succeed.
 * @returns its standard output
 * @throws AisError HOST_COMMAND with the command, its status and its last words
 */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const {status, stdout, stderr} = await attempt(argv, options)
  if (status === 0) return stdout
  const words = stderr.trim().split('\n').slice(-STDERR_LINES_MAX).join('\n  ')
  throw new AisError({
    code: 'HOST_COMMAND',
    message: `${argv.join(' ')} ended with status ${status}\n  ${words}`,
    details: {argv, status, stderr},
  })
}

function text(output: unknown): string {
  return typeof output === 'string' ? output : ''
}
