/**
 * How to reach a host: what the topology says, then what `ssh -G HOST` says where ssh exists, then
 * ssh's own defaults. Reads settings; opens nothing.
 */

import {readFileSync} from 'node:fs'
import {homedir, userInfo} from 'node:os'
import {execa} from 'execa'
import type {SshSettings} from '../topology/resolve.ts'

/** Everything that a connection needs. */
export interface SshTarget {
  readonly address: string
  readonly port: number
  readonly user: string
  /** Private key files, in the order in which they are tried. */
  readonly identities: readonly string[]
  readonly agent?: string
  readonly knownHostsFiles: readonly string[]
  /** Hosts to pass through, the first one first: `[user@]host[:port]`. */
  readonly jumps: readonly string[]
}

const DEFAULT_KEYS = ['~/.ssh/id_ed25519', '~/.ssh/id_ecdsa', '~/.ssh/id_rsa']
const DEFAULT_KNOWN_HOSTS = ['~/.ssh/known_hosts', '/etc/ssh/ssh_known_hosts']
const SSH_G_TIMEOUT_MS = 5000

/** @param address as in the topology: a name of ssh's own configuration works, too */
export async function sshTarget(address: string, settings: SshSettings): Promise<SshTarget> {
  const config = await sshConfig(address)
  const one = (key: string): string | undefined => config.get(key)?.[0]
  const jump = settings.jump ?? one('proxyjump')
  const agent = agentOf(one('identityagent'))
  const identities =
    settings.identity === undefined
      ? (config.get('identityfile') ?? DEFAULT_KEYS)
      : [settings.identity]
  return {
    address: one('hostname') ?? address,
    port: settings.port ?? Number(one('port') ?? 22),
    user: settings.user ?? one('user') ?? userInfo().username,
    identities: identities.map(expand),
    ...(agent === undefined ? {} : {agent}),
    knownHostsFiles: knownHostsOf(config).map(expand),
    jumps: jump === undefined || jump === 'none' ? [] : jump.split(','),
  }
}

/** `[user@]host[:port]` of a jump as an address and the settings that it overrides. */
export function parseJump(jump: string): {address: string; user?: string; port?: number} {
  const match = /^(?:([^@]+)@)?(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(jump)
  const [, user, bracketed, plain, port] = match ?? []
  return {
    address: bracketed ?? plain ?? jump,
    ...(user === undefined ? {} : {user}),
    ...(port === undefined ? {} : {port: Number(port)}),
  }
}

/** The text of a private key, or undefined when there is no such file. */
export function readIdentity(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'EACCES') return undefined
    throw error
  }
}

async function sshConfig(address: string): Promise<ReadonlyMap<string, string[]>> {
  const settings = new Map<string, string[]>()
  const {stdout, exitCode} = await execa('ssh', ['-G', '--', address], {
    reject: false,
    timeout: SSH_G_TIMEOUT_MS,
    stdin: 'ignore',
  })
  if (exitCode !== 0) return settings
  for (const line of stdout.split('\n')) {
    const space = line.indexOf(' ')
    if (space < 0) continue
    const key = line.slice(0, space)
    settings.set(key, [...(settings.get(key) ?? []), line.slice(space + 1)])
  }
  return settings
}

function knownHostsOf(config: ReadonlyMap<string, string[]>): string[] {
  const files = ['userknownhostsfile', 'globalknownhostsfile'].flatMap((key) =>
    (config.get(key)?.[0] ?? '').split(' ').filter((file) => file !== '' && file !== '/dev/null'),
  )
  return files.length > 0 ? files : DEFAULT_KNOWN_HOSTS
}

function agentOf(configured: string | undefined): string | undefined {
  if (configured === 'none') return undefined
  const socket =
    configured === undefined || configured === 'SSH_AUTH_SOCK'
      ? process.env['SSH_AUTH_SOCK']
      : expand(configured)
  return socket === undefined || socket === '' ? undefined : socket
}

function expand(path: string): string {
  return path.startsWith('~/') ? `${homedir()}${path.slice(1)}` : path
}
