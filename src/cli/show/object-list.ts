/** Names of a bucket with the properties asked for, read page by page. */

import {formatSize} from '../../base/units.ts'
import type {ClusterClient} from '../../client/cluster.ts'
import type {BucketRef} from '../../model/bucket.ts'
import {LIST_PAGE_MAX} from '../../model/limits.ts'
import type {ListEntry} from '../../wire/list.ts'
import {PAGE_FLAG} from '../../wire/list.ts'
import type {TableColumn} from '../render/table.ts'
import {renderTable} from '../render/table.ts'

export const ALL_PROPS: readonly string[] = [
  'size',
  'checksum',
  'atime',
  'version',
  'copies',
  'custom',
  'location',
]

export interface NamesOptions {
  readonly prefix: string
  readonly after: string
  readonly props: readonly string[]
  readonly pageSize: number | undefined
  readonly limit: number | undefined
  /** What can be listed, though a target cannot be asked. */
  readonly partial?: boolean
}

export interface Names {
  readonly entries: readonly ListEntry[]
  /** A target was missing from a page. */
  readonly incomplete: boolean
}

export async function readNames(
  client: ClusterClient,
  bucket: BucketRef,
  {prefix, after, props, pageSize, limit, partial = false}: NamesOptions,
): Promise<Names> {
  const most = limit ?? Number.POSITIVE_INFINITY
  const entries: ListEntry[] = []
  let incomplete = false
  const pages = client.buckets.pages(bucket, {
    prefix,
    after,
    props,
    partial,
    pageSize: Math.min(pageSize ?? LIST_PAGE_MAX, most),
  })
  for await (const page of pages) {
    for (const entry of page.entries) if (entries.length < most) entries.push(entry)
    incomplete ||= (page.flags & PAGE_FLAG.incomplete) !== 0
    if (entries.length >= most) break
  }
  return {entries, incomplete}
}

const COLUMNS: Readonly<Record<string, TableColumn<ListEntry>>> = {
  size: {heading: 'SIZE', cell: ({size}) => formatSize(size ?? 0)},
  checksum: {heading: 'CHECKSUM', cell: ({checksum}) => checksum ?? '-'},
  atime: {heading: 'ATIME', cell: ({atime}) => atime ?? '-'},
  version: {heading: 'VERSION', cell: ({version}) => version ?? '-'},
  copies: {heading: 'COPIES', cell: ({copies}) => String(copies ?? 1)},
  custom: {heading: 'CUSTOM', cell: ({custom}) => custom ?? '-'},
  location: {heading: 'LOCATION', cell: ({location}) => location ?? '-'},
}

export function objectLines(
  entries: readonly ListEntry[],
  props: readonly string[],
): readonly string[] {
  const columns = props.flatMap((prop) => COLUMNS[prop] ?? [])
  return renderTable(entries, [{heading: 'NAME', cell: ({name}) => name}, ...columns])
}
