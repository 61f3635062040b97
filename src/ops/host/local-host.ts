/** The machine we are on as a Host: the same port, by child processes instead of a connection. */

import {Readable} from 'node:stream'
import {execa} from 'execa'
import {AisError} from '../../base/errors.ts'
import type {Host, HostResult, HostRun} from './host.ts'
import {collectOutput} from './output.ts'

/** A Host that runs commands here. @param name how it is called in messages */
export function localHost(name = 'localhost'): Host {
  return {
    name,
    address: '127.0.0.1',
    run: (command) => runLocally(name, command),
    close: () => Promise.resolve(),
  }
}

async function runLocally(name: string, command: HostRun): Promise<HostResult> {
  const argv = needsSudo(command) ? ['sudo', '-n', '--', ...command.argv] : [...command.argv]
  const [file = '', ...args] = argv
  const stdout = collectOutput((line) => command.onLine?.(line, 'stdout'))
  const stderr = collectOutput((line) => command.onLine?.(line, 'stderr'))
  const child = execa(file, args, {
    reject: false,
    buffer: false,
    encoding: 'buffer',
    ...(command.timeoutMs === undefined ? {} : {timeout: command.timeoutMs}),
  })
  child.stdout.on('data', (chunk: Uint8Array) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Uint8Array) => stderr.push(chunk))
  // A command that ends without reading all of its input closes the pipe: its status says enough.
  child.stdin.on('error', () => undefined)
  const input = command.input ?? ''
  if (input instanceof Readable) input.pipe(child.stdin)
  else child.stdin.end(input)
  const result = await child
  if (result.timedOut) throw timedOut(name, command)
  if (result.exitCode === undefined && result.signal === undefined) {
    throw new AisError({code: 'HOST_COMMAND', message: `${name}: cannot run ${file}`}, result.cause)
  }
  return {status: result.exitCode ?? 128, stdout: stdout.end(), stderr: stderr.end()}
}

function needsSudo(command: HostRun): boolean {
  return (command.asRoot ?? true) && process.getuid?.() !== 0
}

function timedOut(name: string, command: HostRun): AisError {
  return new AisError({
    code: 'TIMED_OUT',
    message: `${name}: ${command.argv[0] ?? ''} took longer than ${command.timeoutMs ?? 0} ms`,
  })
}
