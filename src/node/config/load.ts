/**
 * Everything that a node knows before it has a cluster, from its file, its flags and its
 * environment, checked and settled. Refusals say what, where and what to do; the process then
 * ends with 78. Not here: the id, which needs the state directory (`node/store/node-identity.ts`).
 */

import {readFileSync} from 'node:fs'

import {AisError, refusal} from '../../base/errors.ts'
import type {JsonObject} from '../../model/bucket.ts'
import {parseNodeFile, type ListenTable, type NodeFile} from '../../model/config/node-file.ts'
import {isRefusal, type NodeId} from '../../model/ids.ts'
import {
  formatEndpoint,
  NODE_FLAG,
  parseEndpoint,
  type Endpoint,
  type Member,
} from '../../model/node.ts'
import {LEVEL} from '../../model/record.ts'
import {checkTogether, parseSettings} from '../../model/config/config.ts'
import {fromAistoreFiles} from './aistore-files.ts'
import type {Flags} from './argv.ts'
import {readClusterKeys} from './cluster-keys.ts'
import {readEnvironment, type Environment} from './environment.ts'

export interface Listeners {
  readonly public: Endpoint
  readonly control: Endpoint
  readonly data: Endpoint
}

export interface NodeConfig {
  readonly file: NodeFile
  /** Where the sockets are bound. */
  readonly listen: Listeners
  /** What other nodes and clients are told. */
  readonly advertise: Listeners
  /** Of the file, the flag or the environment; undefined leaves it to the state directory. */
  readonly configuredId: string | undefined
  readonly standby: boolean
  readonly bootstrap: boolean
  readonly peers: readonly Endpoint[]
  readonly askFirst: readonly Endpoint[]
  readonly primaryHint: {readonly id: Environment['primaryId']; readonly isPrimary: boolean | null}
  /** Hex, the signing key first. Never logged. */
  readonly clusterKeys: readonly string[]
  readonly dataWorkers: number
  /** Founding settings in the table's units, by dotted key. */
  readonly founding: JsonObject
}

/** The node as it describes itself before it is in a map. */
export function selfMember(config: NodeConfig, id: NodeId): Member {
  return {
    id,
    role: config.file.role,
    ...config.advertise,
    flags: config.file.nonElectable === true ? NODE_FLAG.nonElectable : 0,
    inc: 0,
    learner: true,
    away: null,
    speaks: [LEVEL, LEVEL],
  }
}

type Variables = Readonly<Record<string, string | undefined>>

/** Bytes of a start file: far more than any legitimate one. */
const FILE_BYTES_MAX = 1 << 20

/** Reads and settles the configuration. @throws AisError BAD_CONFIG, USAGE */
export function loadConfig(flags: Flags, variables: Variables): NodeConfig {
  const environment = readEnvironment(variables)
  const {file, urls} = loadNodeFile(flags)
  if (file.role === 'target' && (file.dataWorkers ?? 1) > 1) {
    throw bad(
      'dataWorkers',
      'a target serves its disks from one thread: write 1, or run more targets',
    )
  }
  const founding = parseSettings(file.foundingConfig ?? {}, 'cluster')
  if (isRefusal(founding)) throw new AisError(founding)
  const together = checkTogether(founding)
  if (together !== undefined) throw new AisError(together)
  const listen = listeners(file.listen)
  checkListeners(file, listen)
  return {
    file,
    listen,
    advertise: advertised(file, listen, environment),
    configuredId: flags.values.daemon_id ?? environment.daemonId ?? file.id,
    standby: flags.switches.standby ?? file.standby ?? false,
    bootstrap: file.bootstrap ?? founder(file, listen, environment, urls),
    peers: file.peers.map((text) => endpointOf(text, 'peers')),
    askFirst: [
      ...(environment.primaryEndpoint === null ? [] : [environment.primaryEndpoint]),
      ...urls.map((url) => endpointOf(url, 'proxy.primary_url')),
    ],
    primaryHint: {id: environment.primaryId, isPrimary: environment.isPrimary},
    clusterKeys: readClusterKeys(file.clusterKeyFile, variables),
    dataWorkers: file.dataWorkers ?? 1,
    founding,
  }
}

/**
 * The node file alone: what an offline look at the disks needs. Reads no key, because a unit's
 * credentials are there only while systemd runs it.
 * @throws AisError BAD_CONFIG, USAGE
 */
export function loadNodeFile(flags: Flags): {
  readonly file: NodeFile
  readonly urls: readonly string[]
} {
  const {raw, urls} = readFiles(flags)
  const file = parseNodeFile(raw)
  if (isRefusal(file)) throw new AisError(file)
  return {file, urls}
}

function readFiles(flags: Flags): {raw: JsonObject; urls: readonly string[]} {
  const {config, local_config: local, role} = flags.values
  if (config === undefined) {
    throw new AisError(
      refusal('USAGE', 'flag --config is missing', {hint: 'aisnode --config FILE'}),
    )
  }
  const first = readJson(config)
  if (local === undefined) {
    if (role !== undefined && first['role'] !== role) {
      throw bad(config, `role is ${JSON.stringify(first['role'])}, the flag says ${role}`)
    }
    return {raw: first, urls: []}
  }
  const {file, urls} = fromAistoreFiles(first, readJson(local), flags)
  return {raw: file, urls}
}

function readJson(path: string): JsonObject {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw bad(path, cause instanceof Error ? cause.message : String(cause), cause)
  }
  if (text.length > FILE_BYTES_MAX) throw bad(path, `larger than ${FILE_BYTES_MAX} bytes`)
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as JsonObject
    }
  } catch (cause) {
    throw bad(path, cause instanceof Error ? cause.message : String(cause), cause)
  }
  throw bad(path, 'it is no JSON object')
}

function listeners(table: ListenTable): Listeners {
  return {
    public: endpointOf(table.public, 'listen.public'),
    control: endpointOf(table.control, 'listen.control'),
    data: endpointOf(table.data, 'listen.data'),
  }
}

/** Control and data never listen on every address; a proxy's data is its control listener. */
function checkListeners(file: NodeFile, listen: Listeners): void {
  for (const name of ['control', 'data'] as const) {
    if (['0.0.0.0', '::'].includes(listen[name].host)) {
      throw bad(`listen.${name}`, `${file.listen[name]} would be open to everyone`)
    }
  }
  const data = formatEndpoint(listen.data)
  const control = formatEndpoint(listen.control)
  if (file.role === 'proxy' && data !== control) {
    throw bad('listen.data', `a proxy uses its control listener: write ${control}`)
  }
  if (file.role === 'target' && data === control) {
    throw bad('listen.data', 'a target needs a data listener of its own, beside control')
  }
  if (formatEndpoint(listen.public) === control || formatEndpoint(listen.public) === data) {
    throw bad('listen.public', 'clients and nodes may not share a listener')
  }
}

function advertised(file: NodeFile, listen: Listeners, environment: Environment): Listeners {
  const told = (name: keyof ListenTable): Endpoint => {
    const text = file.advertise?.[name]
    return text === undefined ? listen[name] : endpointOf(text, `advertise.${name}`)
  }
  const open = told('public')
  const client = {
    host: environment.hostIp ?? open.host,
    port: environment.hostPort ?? open.port,
  }
  if (['0.0.0.0', '::'].includes(client.host)) {
    throw bad('advertise.public', 'missing, and the public listener names no address')
  }
  return {public: client, control: told('control'), data: told('data')}
}

/** AIStore's isEP and isCfg: the endpoint or the primary URL is this node's own. */
function founder(
  file: NodeFile,
  listen: Listeners,
  environment: Environment,
  urls: readonly string[],
): boolean {
  if (file.role !== 'proxy' || file.nonElectable === true) return false
  if (environment.isPrimary !== null) return environment.isPrimary
  const asked = environment.primaryEndpoint
  const own = [formatEndpoint(listen.control), formatEndpoint(listen.public)]
  if (asked !== null) return own.includes(formatEndpoint(asked))
  const [primary] = urls
  const parsed = primary === undefined ? undefined : parseEndpoint(primary)
  return parsed !== undefined && own.includes(formatEndpoint(parsed))
}

function endpointOf(text: string, where: string): Endpoint {
  const endpoint = parseEndpoint(text)
  if (endpoint === undefined) throw bad(where, `${text} is no host:port`)
  return endpoint
}

function bad(where: string, wrong: string, cause?: unknown): AisError {
  return new AisError(
    refusal('BAD_CONFIG', `configuration: ${where}: ${wrong}`, {
      hint: 'correct it and start the node again',
    }),
    cause,
  )
}
