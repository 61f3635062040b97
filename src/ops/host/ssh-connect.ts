/**
 * Opens one authenticated connection: through jumps, host keys compared before anything is sent,
 * keys from the agent and from files. Says why it could not in the words of the operator's own
 * files.
 */

import {Socket} from 'node:net'
import type {Duplex} from 'node:stream'
import type {AnyAuthMethod, ConnectConfig} from 'ssh2'
import ssh2 from 'ssh2'
import {AisError} from '../../base/errors.ts'
import type {SshSettings} from '../topology/resolve.ts'
import {
  addKnownHost,
  compareKnown,
  comparePin,
  fingerprint,
  knownKeys,
  knownNames,
  type KeyVerdict,
} from './known-hosts.ts'
import type {SshTarget} from './ssh-config.ts'
import {parseJump, readIdentity, sshTarget} from './ssh-config.ts'

/** TCP, key exchange and authentication together; slow DNS on the host's side included. */
const READY_TIMEOUT_MS = 20_000
/**
 * Three silent intervals end a connection: less than the 45 s after which hardened hosts hang up.
 */
const KEEPALIVE_MS = 10_000
const KEEPALIVES_MISSED_MAX = 3

export interface SshOptions {
  /** Name in messages. */
  readonly name: string
  readonly settings: SshSettings
  /** Pinned in the topology. */
  readonly hostKey?: string
  /** aisctl's own known_hosts of this cluster. */
  readonly ownKnownHosts: string
  /** Write down an unknown key instead of stopping. */
  readonly acceptNew: boolean
}

/** A connection and what must be closed with it. */
export interface SshConnection {
  readonly client: ssh2.Client
  readonly user: string
  close(): void
}

/** @throws AisError UNREACHABLE, HOST_AUTH, HOST_KEY_UNKNOWN or HOST_KEY_CHANGED */
export async function connectSsh(address: string, options: SshOptions): Promise<SshConnection> {
  const target = await sshTarget(address, options.settings)
  const opened: ssh2.Client[] = []
  const close = (): void => opened.toReversed().forEach((client) => client.end())
  try {
    let socket: Duplex | undefined
    for (const jump of target.jumps) {
      const hop = await jumpTarget(jump, options)
      const client = await openClient(
        hop,
        {...options, name: `${options.name} (jump ${jump})`},
        socket,
      )
      opened.push(client)
      socket = await forward(client, target.jumps, jump, target)
    }
    const client = await openClient(target, options, socket)
    opened.push(client)
    return {client, user: target.user, close}
  } catch (error) {
    close()
    throw error
  }
}

async function jumpTarget(jump: string, options: SshOptions): Promise<SshTarget> {
  const {address, ...named} = parseJump(jump)
  const {identity} = options.settings
  return sshTarget(address, {
    ...named,
    ...(identity === undefined ? {} : {identity}),
    jump: 'none',
    become: 'none',
  })
}

async function forward(
  client: ssh2.Client,
  jumps: readonly string[],
  jump: string,
  last: SshTarget,
): Promise<Duplex> {
  const next = jumps[jumps.indexOf(jump) + 1]
  const hop = next === undefined ? last : await sshTarget(parseJump(next).address, {become: 'none'})
  const port = next === undefined ? last.port : (parseJump(next).port ?? hop.port)
  return new Promise((resolve, reject) => {
    client.forwardOut('127.0.0.1', 0, hop.address, port, (error, channel) => {
      if (error === undefined) resolve(channel)
      else reject(unreachable(`${jump} cannot reach ${hop.address}:${port}`, error))
    })
  })
}

function openClient(
  target: SshTarget,
  options: SshOptions,
  socket: Duplex | undefined,
): Promise<ssh2.Client> {
  const client = new ssh2.Client()
  let refused: AisError | undefined
  const config: ConnectConfig = {
    host: target.address,
    port: target.port,
    username: target.user,
    readyTimeout: READY_TIMEOUT_MS,
    keepaliveInterval: KEEPALIVE_MS,
    keepaliveCountMax: KEEPALIVES_MISSED_MAX,
    authHandler: authMethods(target),
    algorithms: hostKeyOrder(target, options),
    hostVerifier: (key: Buffer) => {
      refused = refuseKey(key, target, options)
      return refused === undefined
    },
    sock: socket ?? gatheringSocket(target),
  }
  return new Promise((resolve, reject) => {
    client.once('ready', () => resolve(client))
    client.on('error', (error) => reject(refused ?? connectError(error, target, options)))
    client.connect(config)
  })
}

/**
 * A TCP connection that hands what is written in one turn to the kernel at once: ssh2 writes each
 * packet in three pieces, and a runtime would go out as twenty thousand small segments.
 */
function gatheringSocket({address, port}: SshTarget): Socket {
  const socket = new Socket()
  const write = socket.write.bind(socket)
  socket.write = (bytes: Uint8Array | string) => {
    if (socket.writableCorked === 0) {
      socket.cork()
      process.nextTick(() => socket.uncork())
    }
    return write(bytes)
  }
  return socket.setNoDelay(true).connect(port, address)
}

function authMethods(target: SshTarget): AnyAuthMethod[] {
  const methods: AnyAuthMethod[] = []
  const username = target.user
  for (const path of target.identities) {
    const key = readIdentity(path)
    if (key === undefined) continue
    const parsed = ssh2.utils.parseKey(key)
    // A key with a passphrase is the agent's to use.
    if (!(parsed instanceof Error)) methods.push({type: 'publickey', username, key})
  }
  if (target.agent !== undefined) methods.push({type: 'agent', username, agent: target.agent})
  return methods
}

/** A host with keys of several kinds is asked for the kind that we know, as ssh does. */
function hostKeyOrder(target: SshTarget, options: SshOptions): {serverHostKey?: never} {
  const pinned = options.hostKey?.split(' ')
  const known =
    pinned?.length === 2 ? [pinned[0] ?? ''] : knownKeysOf(target, options).map(({type}) => type)
  const types = known.flatMap((type) =>
    type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [type],
  )
  if (types.length === 0) return {}
  const all = [...types, 'ssh-ed25519', 'ecdsa-sha2-nistp256', 'rsa-sha2-512', 'rsa-sha2-256']
  return {serverHostKey: [...new Set(all)]} as unknown as {serverHostKey?: never}
}

function knownKeysOf(target: SshTarget, options: SshOptions): ReturnType<typeof knownKeys> {
  const files = [options.ownKnownHosts, ...target.knownHostsFiles]
  return knownKeys(files, knownNames(target.address, target.port))
}

function refuseKey(key: Buffer, target: SshTarget, options: SshOptions): AisError | undefined {
  const [name = target.address] = knownNames(target.address, target.port)
  const verdict: KeyVerdict =
    options.hostKey === undefined
      ? compareKnown(knownKeysOf(target, options), key)
      : comparePin(options.hostKey, key)
  if (verdict === 'known') return undefined
  const shown = fingerprint(key)
  const details = {host: options.name, address: name, fingerprint: shown}
  if (verdict === 'changed') {
    return new AisError({
      code: 'HOST_KEY_CHANGED',
      message: `${options.name}: ${name} shows another host key than the one we know: ${shown}`,
      hint:
        options.hostKey === undefined
          ? `if the host was reinstalled: ssh-keygen -R '${name}', then --accept-new; else somebody stands in between`
          : 'if the host was reinstalled, replace hostKey in the topology; else somebody stands in between',
      details,
    })
  }
  if (options.acceptNew) {
    addKnownHost(options.ownKnownHosts, name, key)
    return undefined
  }
  return new AisError({
    code: 'HOST_KEY_UNKNOWN',
    message: `${options.name}: the host key of ${name} is not known: ${shown}`,
    hint: 'compare it with the host (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), then repeat with --accept-new, or write it as hostKey into the topology',
    details,
  })
}

function connectError(
  error: Error & {level?: string; code?: string},
  target: SshTarget,
  options: SshOptions,
): AisError {
  const where = `${target.user}@${target.address}:${target.port}`
  if (error.level === 'client-authentication') {
    const keys = target.identities.flatMap(describeIdentity)
    const agent = target.agent === undefined ? '' : ', and the agent'
    return new AisError(
      {
        code: 'HOST_AUTH',
        message: `${options.name}: ${where} accepts none of our keys`,
        hint: `tried: ${keys.length > 0 ? keys.join(', ') : 'no key file'}${agent}; put a public key into its authorized_keys, or set ssh.user and ssh.identity`,
        details: {host: options.name},
      },
      error,
    )
  }
  return unreachable(`${options.name}: cannot reach ${where}: ${plainReason(error)}`, error)
}

/** A key file and, when it has a passphrase, what makes it usable. */
function describeIdentity(path: string): string[] {
  const key = readIdentity(path)
  if (key === undefined) return []
  const usable = !(ssh2.utils.parseKey(key) instanceof Error)
  return [usable ? path : `${path} (it has a passphrase: ssh-add ${path})`]
}

function plainReason(error: Error & {code?: string; level?: string}): string {
  const words: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'connection refused; does sshd run, and on this port?',
    EHOSTUNREACH: 'no route to it; is it switched on?',
    ENETUNREACH: 'no route to its network',
    ENOTFOUND: 'its name does not resolve',
    EAI_AGAIN: 'its name does not resolve now',
    ETIMEDOUT: 'no answer; is it switched on, does a firewall drop packets?',
  }
  if (error.level === 'client-timeout') return `no answer within ${READY_TIMEOUT_MS / 1000} s`
  return words[error.code ?? ''] ?? error.message
}

function unreachable(message: string, cause: unknown): AisError {
  return new AisError(
    {code: 'UNREACHABLE', message, hint: 'nothing was changed on it; repeat when it answers'},
    cause,
  )
}
