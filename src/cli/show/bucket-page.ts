/** Properties of one bucket, in the words of AIStore's tool. */

import {parseU64} from '../../base/u64.ts'
import type {ClusterClient} from '../../client/cluster.ts'
import type {BucketRef} from '../../model/bucket.ts'
import {formatRfc3339Nano} from '../../wire/time.ts'
import {flatten, propertyTable} from '../render/properties.ts'
import type {Page} from './cluster-page.ts'

/** What only AIStore itself reads. */
const HIDDEN = /^(bid|Renamed|extra(\.|$)|backend_bck\.namespace)/

export async function bucketPage(
  client: ClusterClient,
  bucket: BucketRef,
  section: string | undefined,
): Promise<Page> {
  const props = await client.buckets.props(bucket)
  const pairs = flatten(props)
    .filter(([key]) => !HIDDEN.test(key))
    .filter(([key]) => section === undefined || key === section || key.startsWith(`${section}.`))
    .map(([key, value]): readonly [string, string] => [key, readable(key, value)])
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  return {lines: propertyTable(pairs), json: props}
}

const ACCESS = [
  'GET',
  'HEAD-OBJECT',
  'PUT',
  'APPEND',
  'DELETE-OBJECT',
  'MOVE-OBJECT',
  'PROMOTE',
  'UPDATE-OBJECT',
  'HEAD-BUCKET',
  'LIST-OBJECTS',
  'PATCH',
  'SET-BUCKET-ACL',
  'LIST-BUCKETS',
  'SHOW-CLUSTER',
  'CREATE-BUCKET',
  'DESTROY-BUCKET',
  'MOVE-BUCKET',
  'ADMIN',
]

function readable(key: string, value: string): string {
  if (key === 'features' && value === '0') return 'none'
  const number = parseU64(value)
  if (number === undefined) return value
  if (key === 'created')
    return number === 0n ? '' : formatRfc3339Nano(number - (number % 1_000_000_000n))
  if (key !== 'access') return value
  return ACCESS.filter((_, bit) => (number & (1n << BigInt(bit))) !== 0n).join(',')
}
