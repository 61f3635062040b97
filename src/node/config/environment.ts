/**
 * The environment that AIStore's deployments set, decoded: whom to ask first, who may found, which
 * id and which public address. Never secrets, and never anything that overrides the state on disk.
 */

import {AisError, refusal} from '../../base/errors.ts'
import {isNodeId, type NodeId} from '../../model/ids.ts'
import {parseEndpoint, type Endpoint} from '../../model/node.ts'

export interface Environment {
  /** AIS_PRIMARY_EP. */
  readonly primaryEndpoint: Endpoint | null
  /** AIS_PRIMARY_ID. */
  readonly primaryId: NodeId | null
  /** AIS_IS_PRIMARY. */
  readonly isPrimary: boolean | null
  /** AIS_DAEMON_ID. */
  readonly daemonId: NodeId | null
  /** AIS_HOST_IP, AIS_HOST_PORT: what clients are told instead of the public listener. */
  readonly hostIp: string | null
  readonly hostPort: number | null
}

type Variables = Readonly<Record<string, string | undefined>>

/** Reads the variables. @throws AisError BAD_CONFIG naming the variable that does not parse */
export function readEnvironment(variables: Variables): Environment {
  if (truth(variables, 'AIS_USE_HTTPS') === true) {
    throw bad('AIS_USE_HTTPS', 'TLS is not built in this release', 'unset it')
  }
  const endpoint = text(variables, 'AIS_PRIMARY_EP')
  const primaryEndpoint = endpoint === null ? null : parseEndpoint(endpoint)
  if (primaryEndpoint === undefined) {
    throw bad('AIS_PRIMARY_EP', `${endpoint ?? ''} is no host:port or http://host:port`)
  }
  const hostPort = text(variables, 'AIS_HOST_PORT')
  if (hostPort !== null && !/^\d{1,5}$/.test(hostPort)) {
    throw bad('AIS_HOST_PORT', `${hostPort} is no port`)
  }
  return {
    primaryEndpoint,
    primaryId: nodeId(variables, 'AIS_PRIMARY_ID'),
    isPrimary: truth(variables, 'AIS_IS_PRIMARY'),
    daemonId: nodeId(variables, 'AIS_DAEMON_ID'),
    hostIp: text(variables, 'AIS_HOST_IP'),
    hostPort: hostPort === null ? null : Number(hostPort),
  }
}

function text(variables: Variables, name: string): string | null {
  const value = variables[name]
  return value === undefined || value === '' ? null : value
}

function truth(variables: Variables, name: string): boolean | null {
  const value = text(variables, name)
  if (value === null) return null
  if (/^(1|t|true|y|yes|on)$/i.test(value)) return true
  if (/^(0|f|false|n|no|off)$/i.test(value)) return false
  throw bad(name, `${value} is neither true nor false`)
}

function nodeId(variables: Variables, name: string): NodeId | null {
  const value = text(variables, name)
  if (value === null || isNodeId(value)) return value
  throw bad(name, `${value} is no node id`, 'use 8 to 32 letters, digits, "-" or "_"')
}

function bad(name: string, wrong: string, hint?: string): AisError {
  const hinted = hint === undefined ? {} : {hint}
  return new AisError(refusal('BAD_CONFIG', `environment: ${name}: ${wrong}`, hinted))
}
