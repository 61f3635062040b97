/** Bucket metadata as AIStore shows it, and lists of buckets. Destroyed buckets are not shown. */

import type {Bucket, BucketRef, JsonObject, Namespace} from '../model/bucket.ts'
import {GLOBAL_NAMESPACE, namespaceUname} from '../model/bucket.ts'
import {isRefusal, parseBucketName} from '../model/ids.ts'
import type {Bmd} from '../model/record.ts'
import {encodeBucketProps} from './bucket-props.ts'
import type {Decoder} from './decode.ts'
import {list, looseStruct, map, mapOf, mismatch, strInt, text, withDefault} from './decode.ts'
import type {Json, JsonMap} from './json.ts'
import {parseNamespace, parseProvider} from './query.ts'

/** Buckets that exist, by provider, namespace and name. */
export function liveBuckets(bmd: Bmd): readonly Bucket[] {
  const sortKey = ({ref}: Bucket): string =>
    [ref.provider, namespaceUname(ref.namespace), ref.name].join('/')
  return Object.values(bmd.buckets)
    .filter((bucket) => bucket.deletedAt === undefined)
    .toSorted((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1))
}

/** The metadata as a JSON value, keys in Go's order. @param config `conf.set` of the record */
export function encodeBmd(uuid: string, bmd: Bmd, config: JsonObject): JsonMap {
  const providers: Record<string, Record<string, Record<string, JsonObject>>> = {ais: {'@#': {}}}
  for (const bucket of liveBuckets(bmd)) {
    const {provider, namespace, name} = bucket.ref
    const namespaces = (providers[provider] ??= {})
    const buckets = (namespaces[namespaceUname(namespace)] ??= {})
    buckets[name] = encodeBucketProps(bucket, config)
  }
  return {providers, uuid, version: String(bmd.version)}
}

/** What a client reads of bucket metadata. */
export interface BucketTable {
  readonly uuid: string
  readonly version: number
  readonly buckets: readonly {readonly ref: BucketRef; readonly props: JsonMap}[]
}

const BMD = looseStruct({
  providers: withDefault(mapOf(mapOf(mapOf(map))), {}),
  uuid: withDefault(text, ''),
  version: withDefault(strInt, 0),
})

/** @throws AisError BAD_REQUEST */
export function decodeBmd(value: Json): BucketTable {
  const found = BMD(value, 'bmd')
  const buckets = Object.entries(found.providers).flatMap(([provider, namespaces]) =>
    Object.entries(namespaces).flatMap(([namespace, byName]) =>
      Object.entries(byName).map(([name, props]) => ({
        ref: refOf({provider, namespace, name}),
        props,
      })),
    ),
  )
  return {uuid: found.uuid, version: found.version, buckets}
}

function refOf(parts: {provider: string; namespace: string; name: string}): BucketRef {
  const provider = parseProvider(parts.provider)
  const namespace = parseNamespace(parts.namespace)
  const name = parseBucketName(parts.name)
  if (provider === undefined || namespace === undefined || isRefusal(name)) {
    return mismatch(
      'bmd.providers',
      'a bucket',
      `${parts.provider}/${parts.namespace}/${parts.name}`,
    )
  }
  return {provider, namespace, name}
}

/** A bucket reference, keys in Go's order. */
export function encodeBucketRef(ref: BucketRef): JsonMap {
  const {uuid, name} = ref.namespace
  return {name: ref.name, provider: ref.provider, namespace: {uuid, name}}
}

/** The answer to listing buckets. */
export function encodeBucketList(refs: readonly BucketRef[]): readonly JsonMap[] {
  return refs.map(encodeBucketRef)
}

const NAMESPACE: Decoder<Namespace> = looseStruct({
  uuid: withDefault(text, ''),
  name: withDefault(text, ''),
})

const BUCKET_REF = looseStruct({
  name: text,
  provider: withDefault(text, ''),
  namespace: withDefault(NAMESPACE, GLOBAL_NAMESPACE),
})

/** A bucket's reference. */
export const bucketRef: Decoder<BucketRef> = (value, path) => {
  const found = BUCKET_REF(value, path)
  const provider = parseProvider(found.provider)
  const name = parseBucketName(found.name)
  if (provider === undefined || isRefusal(name)) return mismatch(path, 'a bucket', value)
  return {name, provider, namespace: found.namespace}
}

/** @throws AisError BAD_REQUEST */
export function decodeBucketList(value: Json): readonly BucketRef[] {
  return list(bucketRef)(value, 'buckets')
}
