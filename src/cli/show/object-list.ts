/** Names of a bucket with the properties asked for, read page by page. */

import {AisError} from '../../base/errors.ts'
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

/** All of them at once. */
export async function readNames(
  client: ClusterClient,
  bucket: BucketRef,
  options: NamesOptions,
): Promise<Names> {
  const entries: ListEntry[] = []
  let incomplete = false
  for await (const page of readPages(client, bucket, options)) {
    for (const entry of page.entries) entries.push(entry)
    incomplete ||= page.incomplete
  }
  return {entries, incomplete}
}

/** Page by page, at least one: what is shown of a million names need not be held at once. */
export async function* readPages(
  client: ClusterClient,
  bucket: BucketRef,
  {prefix, after, props, pageSize, limit, partial = false}: NamesOptions,
): AsyncGenerator<Names, void, undefined> {
  let left = limit ?? Number.POSITIVE_INFINITY
  const pages = client.buckets.pages(bucket, {
    prefix,
    after,
    props,
    partial,
    pageSize: Math.min(pageSize ?? LIST_PAGE_MAX, left),
  })
  for await (const page of pages) {
    const entries = page.entries.slice(0, left)
    left -= entries.length
    yield {entries, incomplete: (page.flags & PAGE_FLAG.incomplete) !== 0}
    if (left <= 0) return
  }
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

/** @param headed whether the headings come first: not so for a later page */
export function objectLines(
  entries: readonly ListEntry[],
  props: readonly string[],
  headed = true,
): readonly string[] {
  const columns = props.flatMap((prop) => COLUMNS[prop] ?? [])
  const lines = renderTable(entries, [{heading: 'NAME', cell: ({name}) => name}, ...columns])
  return headed ? lines : lines.slice(1)
}

/** The cluster names its own way out; on a command line it is a flag. */
export function explainMissing(error: unknown): never {
  if (!(error instanceof AisError) || error.code !== 'LIST_INCOMPLETE') throw error
  const {code, message} = error
  const hint = 'list the others: add --partial · see what is away: aisctl show cluster'
  throw new AisError({code, message, hint}, error)
}
