/**
 * The body of nearly every control call: `{action, name, value}`, and the values of the actions
 * that are served. Clients differ in case and leave keys out; that is forgiven here. What an action
 * does is decided in `core/`, what it may do is checked there.
 */

import type {Json, JsonMap} from './json.ts'
import {encodeJson, parseJson} from './json.ts'
import type {Decoder} from './decode.ts'
import {bool, json, list, looseStruct, map, optional, text, withDefault} from './decode.ts'

/** Names of actions, as AIStore writes them. */
export const ACTION = {
  list: 'list',
  createBucket: 'create-bck',
  destroyBucket: 'destroy-bck',
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

/** Value of the membership actions. */
export interface NodeActionValue {
  /** Effective set: `sids` and `sid`, each once. */
  readonly nodeIds: readonly string[]
  readonly skipRebalance: boolean
  readonly removeUserData: boolean
  readonly keepInitialConfig: boolean
  readonly noShutdown: boolean
}

const NODE_ACTION = looseStruct({
  sid: withDefault(text, ''),
  sids: withDefault(list(text), []),
  skip_rebalance: withDefault(bool, false),
  rm_user_data: withDefault(bool, false),
  keep_initial_config: withDefault(bool, false),
  no_shutdown: withDefault(bool, false),
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
  }
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
})

/** @throws AisError BAD_REQUEST */
export function decodeJobQuery(body: string): JobQuery {
  const found = JOB_QUERY(body.trim() === '' ? {} : parseJson(body), 'job query')
  return {
    id: found.id,
    kind: found.kind,
    node: found.node,
    onlyRunning: found.show_active ?? null,
  }
}

const CUSTOM: Decoder<Readonly<Record<string, string>>> = (value, path) =>
  Object.fromEntries(
    Object.entries(map(value, path)).map(([key, item]) => [key, text(item, `${path}.${key}`)]),
  )

/** Value of PATCH on an object: custom metadata. @throws AisError BAD_REQUEST */
export function decodeCustomValue(value: Json): Readonly<Record<string, string>> {
  return CUSTOM(value ?? {}, 'value')
}

const OBJECT_NAMES = looseStruct({
  template: withDefault(text, ''),
  objnames: withDefault(list(text), []),
})

/** Value of the multi-object actions. @throws AisError BAD_REQUEST */
export function decodeObjectNames(value: Json): {
  readonly template: string
  readonly objectNames: readonly string[]
} {
  const found = OBJECT_NAMES(value ?? {}, 'value')
  return {template: found.template, objectNames: found.objnames}
}

const SUMMARY = looseStruct({
  uuid: withDefault(text, ''),
  prefix: withDefault(text, ''),
  cached: withDefault(bool, true),
  present: withDefault(bool, true),
})

/** Value of a summary request. @throws AisError BAD_REQUEST */
export function decodeSummaryRequest(value: Json): {
  readonly uuid: string
  readonly prefix: string
} {
  const {uuid, prefix} = SUMMARY(value ?? {}, 'value')
  return {uuid, prefix}
}
