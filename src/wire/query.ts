/**
 * Query strings as Go reads them: `+` is a space, the first of several values counts (clients
 * repeat parameters after a redirect), booleans have many spellings. Bucket identity lives here,
 * too.
 */

import type {Refusal} from '../base/errors.ts'
import {AisError, refusal} from '../base/errors.ts'
import type {BucketRef, Namespace, Provider} from '../model/bucket.ts'
import {GLOBAL_NAMESPACE} from '../model/bucket.ts'
import {isRefusal, parseBucketName} from '../model/ids.ts'

/** Decoded parameters; of a repeated one only the first. */
export type Query = ReadonlyMap<string, string>

/** Names of parameters that more than one folder uses. */
export const QUERY = {
  provider: 'provider',
  namespace: 'namespace',
  what: 'what',
  props: 'props',
  presence: 'presence',
  uuid: 'uuid',
  silent: 'sln',
  force: 'frc',
  transient: 'transient',
  bucketTo: 'bck_to',
  objectTo: 'object_to',
  setNewCustom: 'set-new-custom',
  /** Health: the node's state, whoever asks. */
  clusterInfo: 'cii',
  askPrimary: 'apr',
  primaryReady: 'prr',
  readiness: 'readiness',
  /** Ours: accept a page that misses targets which cannot be asked, marked as such. */
  partial: 'ext-partial',
} as const

/**
 * Parses a raw query.
 * @throws AisError BAD_REQUEST when a value is no UTF-8
 */
export function parseQuery(raw: string): Query {
  const query = new Map<string, string>()
  if (raw === '') return query
  for (const part of raw.split('&')) {
    if (part === '') continue
    const equals = part.indexOf('=')
    const key = unescape(equals < 0 ? part : part.slice(0, equals))
    if (!query.has(key)) query.set(key, equals < 0 ? '' : unescape(part.slice(equals + 1)))
  }
  return query
}

/** All values of one parameter, in order, where several mean a list. @throws as parseQuery */
export function allOf(raw: string, key: string): readonly string[] {
  return raw
    .split('&')
    .map((part) => parseQuery(part).get(key))
    .filter((value) => value !== undefined)
}

/** Writes a query; parameters that are undefined are left out. */
export function formatQuery(parameters: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(parameters)
    .flatMap(([key, value]) =>
      value === undefined ? [] : [`${encodeURIComponent(key)}=${encodeURIComponent(value)}`],
    )
    .join('&')
}

function unescape(raw: string): string {
  if (!raw.includes('%') && !raw.includes('+')) return raw
  try {
    return decodeURIComponent(raw.replaceAll('+', ' '))
  } catch (error) {
    const message = `query ${JSON.stringify(raw.slice(0, 80))} is not valid UTF-8`
    throw new AisError({code: 'BAD_REQUEST', message}, error)
  }
}

const TRUE_WORDS = new Set(['true', 't', 'y', 'yes', 'on', '1'])
const FALSE_WORDS = new Set(['', 'false', 'f', 'n', 'no', 'off', '0'])

/** A boolean as AIStore reads it (`True`, `y`, `on`, `1`, …); undefined when it is none. */
export function parseGoBool(text: string): boolean | undefined {
  const lower = text.toLowerCase()
  if (TRUE_WORDS.has(lower)) return true
  return FALSE_WORDS.has(lower) ? false : undefined
}

/**
 * A boolean parameter; absent means false.
 * @throws AisError BAD_REQUEST when it is none
 */
export function queryFlag(query: Query, key: string): boolean {
  const value = query.get(key) ?? ''
  const flag = parseGoBool(value)
  if (flag !== undefined) return flag
  throw new AisError({
    code: 'BAD_REQUEST',
    message: `invalid value of ${key}: ${JSON.stringify(value)} is neither true nor false`,
  })
}

const PROVIDERS: Readonly<Record<string, Provider>> = {
  '': 'ais',
  'ais': 'ais',
  'aws': 'aws',
  's3': 'aws',
  'gcp': 'gcp',
  'gs': 'gcp',
  'azure': 'azure',
  'az': 'azure',
  'oci': 'oci',
  'oc': 'oci',
  'ht': 'ht',
}

/** The provider of a word or URL scheme, '' meaning ais; undefined when there is none. */
export function parseProvider(text: string): Provider | undefined {
  return Object.hasOwn(PROVIDERS, text.toLowerCase()) ? PROVIDERS[text.toLowerCase()] : undefined
}

/** A namespace from `@uuid#name`; '' is the global one; undefined when it is neither. */
export function parseNamespace(text: string): Namespace | undefined {
  if (text === '') return GLOBAL_NAMESPACE
  const match = /^@([A-Za-z0-9_-]*)#([A-Za-z0-9_.-]*)$/.exec(text)
  return match === null ? undefined : {uuid: match[1] ?? '', name: match[2] ?? ''}
}

/**
 * Which bucket a request means: the name of its path with `provider` and `namespace` of its query.
 */
export function parseBucketRef(name: string, query: Query): BucketRef | Refusal {
  const bucket = parseBucketName(name)
  if (isRefusal(bucket)) return bucket
  const providerText = query.get(QUERY.provider) ?? ''
  const provider = parseProvider(providerText)
  if (provider === undefined) {
    return refusal('BAD_REQUEST', `invalid provider ${JSON.stringify(providerText)}`, {
      hint: 'use ais',
    })
  }
  const namespaceText = query.get(QUERY.namespace) ?? ''
  const namespace = parseNamespace(namespaceText)
  if (namespace === undefined) {
    return refusal('BAD_REQUEST', `invalid namespace ${JSON.stringify(namespaceText)}`, {
      hint: 'use the form @uuid#name',
    })
  }
  return {name: bucket, provider, namespace}
}

/** The parameters that name a bucket: the inverse of parseBucketRef. */
export function bucketQuery(ref: BucketRef): Readonly<Record<string, string | undefined>> {
  const global = ref.namespace.uuid === '' && ref.namespace.name === ''
  return {
    [QUERY.provider]: ref.provider,
    [QUERY.namespace]: global ? undefined : `@${ref.namespace.uuid}#${ref.namespace.name}`,
  }
}
