/**
 * A Host over SSH: one connection per host and run, one exec per command, bytes on its standard
 * input, no sftp. Becomes root through `sudo -n`, or through sudo's own password prompt on a pty;
 * the password is written to that prompt and is nowhere else.
 */

import {randomBytes} from 'node:crypto'
import {Readable} from 'node:stream'
import type {ClientChannel} from 'ssh2'
import {AisError} from '../../base/errors.ts'
import type {Host, HostResult, HostRun} from './host.ts'
import {collectOutput, type OutputSink} from './output.ts'
import {shellLine} from './quote.ts'
import type {SudoPassword} from './sudo-password.ts'
import {connectSsh, type SshConnection, type SshOptions} from './ssh-connect.ts'

/** Time for sudo to ask, and to refuse a wrong password. */
const SUDO_TIMEOUT_MS = 15_000
/** Of a command that a signal has ended. */
const KILLED_STATUS = 128

export interface SshHostOptions extends SshOptions {
  /** Absent: there is nobody to ask. */
  readonly sudo?: SudoPassword
}

/** Connects with the first command; one connection serves all commands. */
export function sshHost(address: string, options: SshHostOptions): Host {
  let connection: Promise<SshConnection> | undefined
  return {
    name: options.name,
    address,
    run: async (command) => {
      connection ??= connectSsh(address, options)
      return runOver(await connection, command, options)
    },
    close: async () => {
      const open = await connection?.catch(() => undefined)
      connection = undefined
      open?.close()
    },
  }
}

async function runOver(
  connection: SshConnection,
  command: HostRun,
  options: SshHostOptions,
): Promise<HostResult> {
  const asRoot = (command.asRoot ?? true) && connection.user !== 'root'
  const {become} = options.settings
  if (!asRoot || become === 'none') return runPlain(connection, [...command.argv], command, options)
  if (become === 'sudo-password') return runWithPassword(connection, command, options)
  const result = await runPlain(connection, ['sudo', '-n', '--', ...command.argv], command, options)
  if (result.status !== 0 && /^sudo: .*(password|not allowed|may not)/im.test(result.stderr)) {
    throw new AisError({
      code: 'HOST_AUTH',
      message: `${options.name}: ${connection.user} may not use sudo without a password`,
      hint: 'set ssh.become: sudo-password in the topology, or allow it in sudoers',
    })
  }
  return result
}

async function runPlain(
  connection: SshConnection,
  argv: readonly string[],
  command: HostRun,
  options: SshHostOptions,
): Promise<HostResult> {
  const started = await startCommand(connection, shellLine(argv), false, options.name)
  const {channel} = started
  const stdout = collectOutput((line) => command.onLine?.(line, 'stdout'))
  const stderr = collectOutput((line) => command.onLine?.(line, 'stderr'))
  channel.on('data', (chunk: Uint8Array) => stdout.push(chunk))
  channel.stderr.on('data', (chunk: Uint8Array) => stderr.push(chunk))
  feed(channel, command.input, true)
  const status = await statusOf(started, command, options.name)
  return {status, stdout: stdout.end(), stderr: stderr.end()}
}

/**
 * On a pty sudo asks its own question. After the answer the pty is switched to raw, so that it
 * passes every byte, and a mark says so; what comes before the mark is sudo's talk.
 */
async function runWithPassword(
  connection: SshConnection,
  command: HostRun,
  options: SshHostOptions,
): Promise<HostResult> {
  const token = randomBytes(8).toString('hex')
  const words = {prompt: `[aisctl ${token} password]`, mark: `[aisctl ${token} ready]`}
  const raw = 'stty raw -echo; printf %s "$1"; shift; exec "$@"'
  const inner = ['sh', '-c', raw, 'aisctl', words.mark, ...command.argv]
  const line = shellLine(['sudo', '-p', words.prompt, '--', ...inner])
  const sudo = sudoOf(options)
  const password = await sudo.get()
  const started = await startCommand(connection, line, true, options.name)
  const {channel} = started
  const stdout = collectOutput((text) => command.onLine?.(text, 'stdout'))
  const ended = statusOf(started, command, options.name)
  const talk = {...words, password, sudo, stdout, name: options.name, user: connection.user}
  const fed = answerSudo(channel, talk).then(() => feed(channel, command.input, false))
  const [status] = await Promise.all([ended, fed])
  return {status, stdout: stdout.end(), stderr: ''}
}

interface SudoTalk {
  readonly prompt: string
  readonly mark: string
  readonly password: string
  readonly sudo: SudoPassword
  readonly stdout: OutputSink
  readonly name: string
  readonly user: string
}

function answerSudo(channel: ClientChannel, talk: SudoTalk): Promise<void> {
  let before = ''
  let answered = false
  return new Promise((resolve, reject) => {
    const refuse = (why: string): void => {
      clearTimeout(timer)
      channel.close()
      talk.sudo.refused()
      reject(
        new AisError({
          code: 'HOST_AUTH',
          message: `${talk.name}: ${why}`,
          hint: 'nothing was changed on it; several wrong passwords may lock the account',
        }),
      )
    }
    const timer = setTimeout(() => refuse('sudo did not ask for a password'), SUDO_TIMEOUT_MS)
    const listen = (chunk: Buffer): void => {
      before += chunk.toString('latin1')
      const mark = before.indexOf(talk.mark)
      if (mark >= 0) {
        clearTimeout(timer)
        talk.sudo.accepted()
        channel.off('data', listen)
        channel.on('data', (more: Uint8Array) => talk.stdout.push(more))
        talk.stdout.push(Buffer.from(before.slice(mark + talk.mark.length), 'latin1'))
        resolve()
        return
      }
      const asked = before.indexOf(talk.prompt)
      if (asked < 0) return
      before = before.slice(asked + talk.prompt.length)
      if (answered) refuse(`sudo refused the password of ${talk.user}`)
      else channel.write(`${talk.password}\n`)
      answered = true
    }
    channel.on('data', listen)
    channel.once('close', () => refuse(`sudo refused ${talk.user}`))
  })
}

function sudoOf(options: SshHostOptions): SudoPassword {
  if (options.sudo !== undefined) return options.sudo
  throw new AisError({
    code: 'HOST_AUTH',
    message: `${options.name}: sudo needs a password and there is no terminal to ask for it`,
    hint: 'run the command in a terminal, or set ssh.become: sudo',
  })
}

/** A command on its host, and how it ended as far as was heard. */
export interface StartedCommand {
  readonly channel: ClientChannel
  readonly exit: {status?: number}
}

/** Starts a command. What a quick one ends with may arrive together with its start. */
export function startCommand(
  {client}: Pick<SshConnection, 'client'>,
  line: string,
  pty: boolean,
  name: string,
): Promise<StartedCommand> {
  return new Promise((resolve, reject) => {
    client.exec(line, pty ? {pty: {term: 'dumb'}} : {}, (error, channel) => {
      if (error !== undefined) return reject(lost(name, error))
      const exit: StartedCommand['exit'] = {}
      channel.once('exit', (code: number | null) => (exit.status = code ?? KILLED_STATUS))
      resolve({channel, exit})
    })
  })
}

function feed(channel: ClientChannel, input: HostRun['input'], ends: boolean): void {
  if (input instanceof Readable) {
    input.pipe(channel, {end: ends})
    input.once('error', () => channel.close())
    channel.once('close', () => input.destroy())
  } else if (input !== undefined) {
    channel.write(input)
    if (ends) channel.end()
  } else if (ends) {
    channel.end()
  }
}

/** The status of a command, when its channel has closed. @throws AisError UNREACHABLE, TIMED_OUT */
export function statusOf(
  {channel, exit}: StartedCommand,
  command: Pick<HostRun, 'timeoutMs'>,
  name: string,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const limit = command.timeoutMs
    const timer =
      limit === undefined
        ? undefined
        : setTimeout(() => {
            channel.close()
            reject(
              new AisError({
                code: 'TIMED_OUT',
                message: `${name}: a command took longer than ${limit / 1000} s`,
              }),
            )
          }, limit)
    channel.once('error', (error: Error) => reject(lost(name, error)))
    channel.once('close', () => {
      clearTimeout(timer)
      if (exit.status === undefined) reject(lost(name))
      else resolve(exit.status)
    })
  })
}

function lost(name: string, cause?: unknown): AisError {
  return new AisError(
    {
      code: 'UNREACHABLE',
      message: `${name}: the connection was lost while a command ran`,
      hint: 'repeat the command: what was done is found done, the rest is finished',
    },
    cause,
  )
}
