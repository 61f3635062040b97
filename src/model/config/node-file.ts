/**
 * The node file, `/etc/aisnode/<instance>.json`: what a node needs before it has a cluster. Written
 * by deployers and the playground only, never by the daemon. Reading the file and following it is
 * `node/config`'s business; what cluster settings mean is `schema.ts`'s.
 */

import type {Refusal} from '../../base/errors.ts'
import type {JsonObject} from '../bucket.ts'
import {isClusterUuid, isNodeId} from '../ids.ts'
import type {Role} from '../node.ts'
import {parseEndpoint} from '../node.ts'
import type {Check} from './shape.ts'
import {check, checkDocument, isPlainObject, listOf, objectOf, optional} from './shape.ts'

/** Number of this file's shape. */
export const NODE_FILE_FORMAT = 1
/** `clusterKeyFile` of this form names a systemd credential instead of a path. */
export const CREDENTIAL_PREFIX = 'credential:'
/** Data workers of one node: beyond, a machine is better used by a second node. */
export const DATA_WORKERS_MAX = 64

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/**
 * One data directory of a target: a mounted filesystem of its own, unless the file allows sharing.
 */
export interface MountpathEntry {
  /** Absolute path. */
  readonly path: string
  /** The operator's word for the kind of disk; AIStore's mountpath label. */
  readonly label?: string
  /** The device as `/dev/disk/by-id/…` or UUID; for people and for checks. */
  readonly disk?: string
}

/** `host:port` of the three listeners. */
export interface ListenTable {
  readonly public: string
  readonly control: string
  /** Proxies use the control listener for data: the same `host:port`. */
  readonly data: string
}

/** The file. Keys that are left out take the default named here. */
export interface NodeFile {
  readonly format: 1
  readonly role: Role
  /** The node's id; when absent, generated once and kept in the state directory. */
  readonly id?: string
  /** The only cluster that this node may ever join. */
  readonly uuid: string
  /** May form the cluster when nobody has state; one proxy at most. Default false. */
  readonly bootstrap?: boolean
  /** Waits for an administrator's join. Default false. */
  readonly standby?: boolean
  /** Absolute path of the state directory. */
  readonly state: string
  readonly listen: ListenTable
  /** What other nodes and clients are told instead of `listen`, per listener. */
  readonly advertise?: Partial<ListenTable>
  /** Control endpoints, `host:port`, of the configured nodes. */
  readonly peers: readonly string[]
  /** Targets only; at least one there. */
  readonly mountpaths?: readonly MountpathEntry[]
  /** Path of the cluster key file, or `credential:NAME` under $CREDENTIALS_DIRECTORY. */
  readonly clusterKeyFile: string
  /** A proxy that never becomes primary. Default false. */
  readonly nonElectable?: boolean
  /** Cluster settings by dotted key, applied at founding only. */
  readonly foundingConfig?: JsonObject
  /** Threads that serve data, 1 to 64. Default 1. */
  readonly dataWorkers?: number
  /** Default level: info. */
  readonly log?: {readonly level?: LogLevel}
  /**
   * Playgrounds and tests: mountpaths may be plain directories of one filesystem. Default false.
   */
  readonly allowSharedFilesystem?: boolean
}

const word = check('a text', (value) => typeof value === 'string' && value !== '')
const flag = check('true or false', (value) => typeof value === 'boolean')
const endpoint = check(
  '"host:port"',
  (value) =>
    typeof value === 'string' && !value.includes('/') && parseEndpoint(value) !== undefined,
)
const absolutePath = check('an absolute path', (value) => isCleanPath(value))
const LOG_LEVELS: readonly unknown[] = ['debug', 'info', 'warn', 'error']

const NODE_FILE: Check = objectOf({
  format: check(`the number ${NODE_FILE_FORMAT}`, (value) => value === NODE_FILE_FORMAT),
  role: check('"proxy" or "target"', (value) => value === 'proxy' || value === 'target'),
  id: optional(
    check(
      'a node id of 8 to 32 letters, digits, "-" or "_"',
      (value) => typeof value === 'string' && isNodeId(value),
    ),
  ),
  uuid: check(
    'a cluster uuid of 9 to 32 letters, digits, "-" or "_"',
    (value) => typeof value === 'string' && isClusterUuid(value),
  ),
  bootstrap: optional(flag),
  standby: optional(flag),
  state: absolutePath,
  listen: objectOf({public: endpoint, control: endpoint, data: endpoint}),
  advertise: optional(
    objectOf({public: optional(endpoint), control: optional(endpoint), data: optional(endpoint)}),
  ),
  peers: listOf(endpoint),
  mountpaths: optional(
    listOf(objectOf({path: absolutePath, label: optional(word), disk: optional(word)})),
  ),
  clusterKeyFile: check(
    'an absolute path or "credential:NAME"',
    (value) =>
      isCleanPath(value) ||
      (typeof value === 'string' && /^credential:[A-Za-z0-9._-]+$/.test(value)),
  ),
  nonElectable: optional(flag),
  foundingConfig: optional(check('an object of dotted keys', isPlainObject)),
  dataWorkers: optional(
    check(
      `a whole number from 1 to ${DATA_WORKERS_MAX}`,
      (value) =>
        typeof value === 'number' &&
        Number.isInteger(value) &&
        value >= 1 &&
        value <= DATA_WORKERS_MAX,
    ),
  ),
  log: optional(
    objectOf({
      level: optional(
        check('"debug", "info", "warn" or "error"', (value) => LOG_LEVELS.includes(value)),
      ),
    }),
  ),
  allowSharedFilesystem: optional(flag),
})

/**
 * The node file, or why it is none: the refusal (BAD_CONFIG) names the key and the expected form.
 * The cluster settings under `foundingConfig` are checked by `config.ts validateSettings`.
 * @param value what JSON gave
 */
export function parseNodeFile(value: unknown): NodeFile | Refusal {
  const wrong = checkDocument('node file', value, NODE_FILE) ?? crossProblem(value as NodeFile)
  return wrong ?? (value as NodeFile)
}

/** The text of a node file as deployers write it: two-space JSON, keys in the order of NodeFile. */
export function formatNodeFile(file: NodeFile): string {
  return `${JSON.stringify(file, null, 2)}\n`
}

function crossProblem(file: NodeFile): Refusal | undefined {
  const say = (key: string, wrong: string): Refusal => ({
    code: 'BAD_CONFIG',
    message: `node file: ${key}: ${wrong}`,
    details: {key},
  })
  if (file.role === 'target') {
    if ((file.mountpaths ?? []).length === 0)
      return say('mountpaths', 'a target needs at least one')
    if (file.bootstrap === true) return say('bootstrap', 'only a proxy may found a cluster')
    if (file.nonElectable === true) return say('nonElectable', 'only a proxy can be elected')
  } else if ((file.mountpaths ?? []).length > 0) {
    return say('mountpaths', 'a proxy stores nothing and has none')
  }
  const nested = nestedPaths((file.mountpaths ?? []).map(({path}) => path))
  if (nested === undefined) return undefined
  return say('mountpaths', `${nested[1]} lies in ${nested[0]}; mountpaths may not overlap`)
}

function nestedPaths(paths: readonly string[]): readonly [string, string] | undefined {
  for (const [index, outer] of paths.entries()) {
    for (const [other, inner] of paths.entries()) {
      if (index !== other && (inner === outer || inner.startsWith(`${outer}/`))) {
        return [outer, inner]
      }
    }
  }
  return undefined
}

function isCleanPath(value: unknown): boolean {
  return (
    typeof value === 'string' &&
    value.startsWith('/') &&
    value !== '/' &&
    !value.includes('\0') &&
    value
      .split('/')
      .every((part, index) => index === 0 || (part !== '' && part !== '..' && part !== '.'))
  )
}
