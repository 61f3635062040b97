/**
 * The body of nearly every control call: `{action, name, value}`, and the values of the actions
 * that are served. Clients differ in case and leave keys out; that is forgiven here. What an action
 * does is decided in `core/`, what it may do is checked there.
 */

import {AisError} from '../base/errors.ts'
import type {Json, JsonMap} from './json.ts'
import {encodeJson, parseJson} from './json.ts'
import {bool, json, list, looseStruct, optional, text, withDefault} from './decode.ts'

/** Names of actions, as AIStore writes them. */
export const ACTION = {
  list: 'list',
  createBucket: 'create-bck',
  destroyBucket: 'destroy-bck',
  makeCopies: 'make-n-copies',
  setBucketProps: 'set-bprops',
  resetBucketProps: 'reset-bprops',
  summary: 'summary-bck',
  copyBucket: 'copy-bck',
  moveBucket: 'move-bck',
  deleteObjects: 'delete-listrange',
  renameObject: 'rename-obj',
  setConfig: 'set-config',
  resetConfig: 'reset-config',
  startMaintenance: 'start-maintenance',
  stopMaintenance: 'stop-maintenance',
  decommissionNode: 'decommission-node',
  shutdownNode: 'shutdown-node',
  removeUnsafe: 'rm-unsafe',
  recover: 'recover',
  shutdownCluster: 'shutdown',
  decommissionCluster: 'decommission',
  start: 'start',
  stop: 'stop',
  rotateLogs: 'rotate-logs',
  resetStats: 'reset-stats',
} as const

/** An action message. A missing action is '' and matches nothing. */
export interface ActionMessage {
  readonly action: string
  readonly name: string
  readonly value: Json
}

const ACTION_MESSAGE = looseStruct({
  action: withDefault(text, ''),
  name: withDefault(text, ''),
  value: withDefault(json, null),
})

/**
 * Decodes a request body. An empty body is an action message without an action (curl lists buckets
 * so).
 * @throws AisError BAD_REQUEST
 */
export function decodeAction(body: string): ActionMessage {
  if (body.trim() === '') return {action: '', name: '', value: null}
  return ACTION_MESSAGE(parseJson(body), 'action message')
}

/** The body of a control call, keys in Go's order. */
export function encodeAction(message: {
  readonly action: string
  readonly name?: string
  readonly value?: unknown
}): string {
  const {action, name = '', value = null} = message
  return encodeJson({value, action, name})
}

/** Value of `destroy-bck`; ours: whether the data is to be removed at once. */
export function decodeDestroy(value: Json): {readonly now: boolean} {
  return DESTROY(value ?? {}, 'value')
}

const DESTROY = looseStruct({now: withDefault(bool, false)})

/** Value of `make-n-copies`: a number, also as text. @throws AisError BAD_REQUEST */
export function decodeCopiesCount(value: Json): number {
  const number = typeof value === 'string' && /^\d{1,4}$/.test(value) ? Number(value) : value
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 1) return number
  throw new AisError({
    code: 'BAD_REQUEST',
    message: `invalid number of copies ${JSON.stringify(value)} (expected a number from 1 on)`,
  })
}

/** Value of the membership actions. */
export interface NodeActionValue {
  /** Effective set: `sids` and `sid`, each once. */
  readonly nodeIds: readonly string[]
  readonly skipRebalance: boolean
  readonly removeUserData: boolean
  readonly keepInitialConfig: boolean
  readonly noShutdown: boolean
  /** Ours: the run of the operator's tool that it is of; '': none. */
  readonly run?: string
}

const NODE_ACTION = looseStruct({
  sid: withDefault(text, ''),
  sids: withDefault(list(text), []),
  skip_rebalance: withDefault(bool, false),
  rm_user_data: withDefault(bool, false),
  keep_initial_config: withDefault(bool, false),
  no_shutdown: withDefault(bool, false),
  run: withDefault(text, ''),
})

/** @throws AisError BAD_REQUEST */
export function decodeNodeAction(value: Json): NodeActionValue {
  const found = NODE_ACTION(value ?? {}, 'value')
  const ids = new Set([...found.sids, found.sid].filter((id) => id !== ''))
  return {
    nodeIds: [...ids],
    skipRebalance: found.skip_rebalance,
    removeUserData: found.rm_user_data,
    keepInitialConfig: found.keep_initial_config,
    noShutdown: found.no_shutdown,
    ...(found.run === '' ? {} : {run: found.run}),
  }
}

/** The inverse of decodeNodeAction, with the list in `sids` and its only entry in `sid`, too. */
export function encodeNodeAction(value: NodeActionValue): JsonMap {
  return {
    sid: value.nodeIds.length === 1 ? (value.nodeIds[0] ?? '') : '',
    sids: value.nodeIds,
    skip_rebalance: value.skipRebalance,
    rm_user_data: value.removeUserData,
    keep_initial_config: value.keepInitialConfig,
    no_shutdown: value.noShutdown,
    ...(value.run === undefined ? {} : {run: value.run}),
  }
}

/** What one node is told when the whole cluster ends: `PUT /v1/daemon` on its control network. */
export interface NodeOrder {
  readonly action: 'shutdown' | 'decommission'
  readonly removeUserData: boolean
  readonly keepInitialConfig: boolean
}

/** Undefined: the message is no such order. @throws AisError BAD_REQUEST */
export function decodeNodeOrder({action, value}: ActionMessage): NodeOrder | undefined {
  if (action !== ACTION.shutdownCluster && action !== ACTION.decommissionCluster) return undefined
  const {removeUserData, keepInitialConfig} = decodeNodeAction(value)
  return {action, removeUserData, keepInitialConfig}
}

/** The inverse of decodeNodeOrder, as the body of the call. */
export function encodeNodeOrder({action, removeUserData, keepInitialConfig}: NodeOrder): string {
  const value = {rm_user_data: removeUserData, keep_initial_config: keepInitialConfig}
  return encodeAction({action, value})
}

/** Value of `start` and `stop`: AIStore's `ArgsMsg`, whose keys are capitalized. */
export interface JobAction {
  /** '' for any. */
  readonly id: string
  readonly kind: string
  /** Stop: though it moves the data of nodes that are being taken out. */
  readonly force: boolean
}

const JOB_ACTION = looseStruct({
  ID: withDefault(text, ''),
  Kind: withDefault(text, ''),
  Force: withDefault(bool, false),
})

/** @throws AisError BAD_REQUEST */
export function decodeJobAction(value: Json): JobAction {
  const found = JOB_ACTION(value ?? {}, 'value')
  return {id: found.ID, kind: found.Kind, force: found.Force}
}

/** The inverse of decodeJobAction. */
export function encodeJobAction({id, kind, force}: JobAction): JsonMap {
  return {ID: id, Kind: kind, ...(force ? {Force: true} : {})}
}

/** Which jobs a query means. */
export interface JobQuery {
  readonly id: string
  readonly kind: string
  readonly node: string
  /** true: running only; null: all. */
  readonly onlyRunning: boolean | null
}

const JOB_QUERY = looseStruct({
  id: withDefault(text, ''),
  kind: withDefault(text, ''),
  node: withDefault(text, ''),
  show_active: optional(bool),
  onlyrunning: optional(bool),
})

/** @throws AisError BAD_REQUEST */
export function decodeJobQuery(body: string): JobQuery {
  const found = JOB_QUERY(body.trim() === '' ? {} : parseJson(body), 'job query')
  return {
    id: found.id,
    kind: found.kind,
    node: found.node,
    onlyRunning: found.show_active ?? found.onlyrunning ?? null,
  }
}
