/** A bucket: its identity, its properties, and the hash name that places its objects. */

import type {BucketName} from './ids.ts'

/**
 * AIStore's providers. Only `ais` buckets can be created; the others are parsed and refused by
 * name.
 */
export type Provider = 'ais' | 'aws' | 'gcp' | 'azure' | 'oci' | 'ht'

/** `@uuid#name`; both empty for the global namespace. */
export interface Namespace {
  readonly uuid: string
  readonly name: string
}

export const GLOBAL_NAMESPACE: Namespace = {uuid: '', name: ''}

/** Which bucket. */
export interface BucketRef {
  readonly name: BucketName
  readonly provider: Provider
  readonly namespace: Namespace
}

/** `default`: durable before the reply. `relaxed`: no fsync; excluded from every promise (R31). */
export type Durability = 'default' | 'relaxed'

/** A JSON value as `JSON.parse` gives it. */
export type JsonValue =
  null | boolean | number | string | readonly JsonValue[] | {readonly [key: string]: JsonValue}
export type JsonObject = {readonly [key: string]: JsonValue}

/**
 * A bucket of the record. `set` holds only what its owner set, by AIStore's dotted names
 * (`mirror.copies`, `versioning.enabled`); the rest is the cluster's configuration.
 */
export interface Bucket {
  readonly ref: BucketRef
  /** Never reused: an object of an older bucket of the same name does not exist. u64, decimal. */
  readonly bid: string
  /** Nanoseconds since 1970, decimal. */
  readonly createdNs: string
  readonly durability: Durability
  readonly set: JsonObject
  /** Index of the record that marked it destroyed; its data goes to trash, then away (R32). */
  readonly deletedAt?: number
  /** Of a destroyed bucket: its data does not wait in the trash. */
  readonly purge?: boolean
  /** Index of the record that last changed on how many mountpaths its objects lie: names the job. */
  readonly copiesAt?: number
}

/** `@#`, or `@uuid#name`. */
export function namespaceUname(namespace: Namespace): string {
  return `@${namespace.uuid}#${namespace.name}`
}

/** Key of a bucket in the record: `ais/@#/photos`. */
export function bucketUname(ref: BucketRef): string {
  return `${ref.provider}/${namespaceUname(ref.namespace)}/${ref.name}`
}

/** What placement hashes: `ais/@#/photos/cat.jpg` (AIStore `uname`). */
export function objectUname(ref: BucketRef, objectName: string): string {
  return `${bucketUname(ref)}/${objectName}`
}

/** What people read: `ais://photos`, `ais://@uuid#ns/photos`. */
export function bucketLabel(ref: BucketRef): string {
  const namespace = ref.namespace.uuid === '' && ref.namespace.name === ''
  return namespace
    ? `${ref.provider}://${ref.name}`
    : `${ref.provider}://${namespaceUname(ref.namespace)}/${ref.name}`
}
