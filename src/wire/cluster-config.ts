/**
 * The configuration as AIStore shows it: every section with the values that count, in Go's order. A
 * node's own (`what=config`) is the same with its local keys in front.
 */

import type {JsonObject} from '../model/bucket.ts'
import {sectionOf, SETTING_KEYS} from '../model/config/schema.ts'
import type {Endpoint, Role} from '../model/node.ts'
import type {ConfPart} from '../model/record.ts'
import {looseStruct, map, strInt, text, withDefault} from './decode.ts'
import type {Json, JsonMap} from './json.ts'
import {encodeSections} from './settings.ts'

const ALL_SECTIONS: ReadonlySet<string> = new Set(SETTING_KEYS.map(sectionOf))

/** Sections that stand behind Go's local keys; all others stand in front of them. */
const LAST = [
  'net',
  'timeout',
  'memsys',
  'features',
  'versioning',
  'resilver',
  'ext',
  'auth',
  'proxy',
]

/** The cluster's configuration, keys in Go's order. */
export function encodeClusterConfig(uuid: string, conf: ConfPart): JsonObject {
  const sections = encodeSections(conf.set, ALL_SECTIONS)
  const pick = (...names: readonly string[]): JsonObject =>
    Object.fromEntries(Object.entries(sections).filter(([name]) => names.includes(name)))
  const first = Object.keys(sections).filter((name) => !LAST.includes(name))
  return {
    ...pick(...first),
    ...pick('auth'),
    backend: {},
    uuid,
    lastupdate_time: conf.updated,
    proxy: {
      primary_url: conf.urls.primary,
      original_url: conf.urls.original,
      discovery_url: conf.urls.discovery,
      ...(sections['proxy'] as JsonObject),
    },
    ...pick('net', 'timeout', 'memsys', 'features'),
    config_version: String(conf.version),
    ...pick('versioning', 'resilver', 'ext'),
  }
}

/** What only the node itself knows, for `what=config`. */
export interface LocalFacts {
  readonly role: Role
  /** Directory of the node's file. */
  readonly confDir: string
  readonly logDir: string
  readonly listen: {readonly public: Endpoint; readonly control: Endpoint; readonly data: Endpoint}
  /** Mountpaths with their labels; empty for proxies. */
  readonly mountpaths: Readonly<Record<string, string>>
}

/** A node's configuration: its local keys, then the cluster's. */
export function encodeNodeConfig(uuid: string, conf: ConfPart, local: LocalFacts): JsonObject {
  const {listen} = local
  const alike = (host: string): string => (host === listen.public.host ? '' : host)
  return {
    fspaths: local.mountpaths,
    confdir: local.confDir,
    log_dir: local.logDir,
    test_fspaths: {root: '', count: 0, instance: 0},
    host_net: {
      hostname: listen.public.host,
      hostname_intra_control: alike(listen.control.host),
      hostname_intra_data: alike(listen.data.host),
      port: String(listen.public.port),
      port_intra_control: String(listen.control.port),
      port_intra_data: String(listen.data.port),
    },
    ...encodeClusterConfig(uuid, conf),
  }
}

const CONFIG_HEAD = looseStruct({
  uuid: withDefault(text, ''),
  config_version: withDefault(strInt, 0),
  lastupdate_time: withDefault(text, ''),
})

/**
 * What a client reads: identity, version, and all of it as nested JSON.
 * @throws AisError BAD_REQUEST
 */
export function decodeClusterConfig(value: Json): {
  readonly uuid: string
  readonly version: number
  readonly updated: string
  readonly sections: JsonMap
} {
  const head = CONFIG_HEAD(value, 'config')
  return {
    uuid: head.uuid,
    version: head.config_version,
    updated: head.lastupdate_time,
    sections: map(value, 'config'),
  }
}
