/**
 * AIStore's own start files mapped onto ours: `-config` (cluster settings, plain JSON) and
 * `-local_config` (addresses and paths of this node). They say less than a node file does, so two
 * things must stand in them: `uuid` (the only cluster that the node may join) and
 * `auth.intra_cluster.node_join_secret_path` (the cluster key file). Everything else in `-config`
 * becomes founding settings.
 */

import {join} from 'node:path'

import {AisError, refusal} from '../../base/errors.ts'
import type {JsonObject, JsonValue} from '../../model/bucket.ts'
import type {Flags} from './argv.ts'

/** Keys of `-config` that are no cluster settings of ours. */
const NOT_SETTINGS = /^(uuid|config_version|lastupdate_time|proxy\.|auth\.intra_cluster\.)/

export interface AistoreFiles {
  /** In the shape of a node file, unchecked. */
  readonly file: JsonObject
  /** proxy.primary_url, discovery_url, original_url: where to ask, in that order. */
  readonly urls: readonly string[]
}

/**
 * @param cluster parsed `-config`
 * @param local parsed `-local_config`
 */
export function fromAistoreFiles(
  cluster: JsonObject,
  local: JsonObject,
  flags: Flags,
): AistoreFiles {
  const settings = flatten(cluster)
  const net = local['host_net']
  const host = (key: string): string => textOf(net, key)
  const publicHost = host('hostname').split(',')[0] ?? ''
  const controlHost = host('hostname_intra_control') || publicHost
  const control = `${controlHost}:${host('port_intra_control')}`
  const data = host('port_intra_data')
  const role = flags.values.role ?? ''
  const listen = {
    public: `${publicHost}:${host('port')}`,
    control,
    data: data === '' ? control : `${host('hostname_intra_data') || controlHost}:${data}`,
  }
  const {mountpaths, shared} = mountpathsOf(local)
  const file = {
    format: 1,
    role,
    uuid: textOf(cluster, 'uuid'),
    state: textOf(local, 'confdir'),
    listen,
    peers: [],
    clusterKeyFile: settings.get('auth.intra_cluster.node_join_secret_path') ?? '',
    foundingConfig: foundingOf(settings, flags),
    ...(role === 'target' ? {mountpaths, allowSharedFilesystem: shared} : {}),
    ...(settings.get('proxy.non_electable') === true ? {nonElectable: true} : {}),
  }
  const urls = ['proxy.primary_url', 'proxy.discovery_url', 'proxy.original_url']
    .map((key) => settings.get(key))
    .filter((url): url is string => typeof url === 'string' && url !== '')
  return {file, urls}
}

function foundingOf(settings: ReadonlyMap<string, JsonValue>, flags: Flags): JsonObject {
  const founding = new Map([...settings].filter(([key]) => !NOT_SETTINGS.test(key)))
  for (const pair of (flags.values.config_custom ?? '').split(',').filter((word) => word !== '')) {
    const at = pair.indexOf('=')
    if (at < 1) {
      throw new AisError(refusal('BAD_CONFIG', `-config_custom: ${pair} is not key=value`))
    }
    founding.set(pair.slice(0, at), pair.slice(at + 1))
  }
  return Object.fromEntries(founding)
}

function mountpathsOf(local: JsonObject): {mountpaths: JsonObject[]; shared: boolean} {
  const test = local['test_fspaths']
  const count = Number(valueOf(test, 'count') ?? 0)
  if (count > 0) {
    const instance = valueOf(test, 'instance')
    const below = typeof instance === 'number' && instance > 0 ? String(instance) : ''
    const paths = Array.from({length: count}, (_, at) =>
      join(textOf(test, 'root'), `mp${at + 1}`, below),
    )
    return {mountpaths: paths.map((path) => ({path})), shared: true}
  }
  const named = local['fspaths']
  const entries = isObject(named) ? Object.entries(named) : []
  const mountpaths = entries.map(([path, label]) =>
    typeof label === 'string' && label !== '' ? {path, label} : {path},
  )
  return {mountpaths, shared: false}
}

/** Leaves by dotted key. */
function flatten(value: JsonObject, prefix = ''): Map<string, JsonValue> {
  const leaves = new Map<string, JsonValue>()
  for (const [key, inner] of Object.entries(value)) {
    const name = `${prefix}${key}`
    if (isObject(inner))
      for (const [path, leaf] of flatten(inner, `${name}.`)) leaves.set(path, leaf)
    else leaves.set(name, inner)
  }
  return leaves
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function valueOf(value: JsonValue | undefined, key: string): JsonValue | undefined {
  return isObject(value) ? value[key] : undefined
}

function textOf(value: JsonValue | undefined, key: string): string {
  const found = valueOf(value, key)
  return typeof found === 'string' || typeof found === 'number' ? String(found) : ''
}
