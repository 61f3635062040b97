/**
 * An ordered index of the names on one mountpath, so that a page of a list costs the page and not
 * the bucket. A cache in SQLite: it is never fsynced while in use; after anything but a clean stop
 * it is thrown away and rebuilt from the files. Order is the order of UTF-8 bytes, which is how
 * SQLite compares texts. Holds tombstones, too: a list over several targets needs them.
 */

import {DatabaseSync} from 'node:sqlite'
import type {StatementSync} from 'node:sqlite'
import type {ObjectName} from '../../../model/ids.ts'
import type {Checksum, ChecksumType, ObjectAttributes} from '../../../model/object.ts'

/** Rows that wait for a transaction: a few ms of work, during which nothing else runs. */
const PENDING_MAX = 256
/** How long a row may wait, so that a quiet node's index is complete. */
const FLUSH_AFTER_MS = 250
/** SQLite's cache, KiB. */
const CACHE_KIB = 8192

export interface IndexPage {
  readonly bid: string
  readonly prefix: string
  /** Names after this one; '' from the start. */
  readonly after: string
  readonly limit: number
}

export interface NameIndex {
  /** Remembers a version; an older generation than the known one changes nothing. */
  readonly note: (attributes: ObjectAttributes) => void
  /** A version is gone from the disk; a newer one that is known stays. */
  readonly forget: (attributes: ObjectAttributes) => void
  /** Up to `limit` entries in byte order, tombstones included. */
  readonly page: (question: IndexPage) => readonly ObjectAttributes[]
  /** The same of tombstones alone; costs those, and not the bucket. */
  readonly tombstones: (question: Omit<IndexPage, 'prefix'>) => readonly ObjectAttributes[]
  /** Forgets a bucket. */
  readonly dropBucket: (bid: string) => void
  /** Number and bytes of a bucket's live objects. */
  readonly totals: (bid: string) => {readonly objects: number; readonly bytes: number}
  /** Bytes of all live objects. */
  readonly bytes: () => number
  /** Everything noted is in the file. */
  readonly flush: () => void
  readonly close: () => void
}

const SCHEMA = `
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = MEMORY;
  PRAGMA synchronous = OFF;
  PRAGMA cache_size = -${CACHE_KIB};
  CREATE TABLE IF NOT EXISTS names (
    bid TEXT NOT NULL, name TEXT NOT NULL, own INTEGER NOT NULL, counter INTEGER NOT NULL,
    tombstone INTEGER NOT NULL, size INTEGER NOT NULL, version INTEGER NOT NULL,
    atime INTEGER NOT NULL, mtime INTEGER NOT NULL, checksum TEXT NOT NULL, custom TEXT NOT NULL,
    PRIMARY KEY (bid, name)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS tombstones ON names (bid, name) WHERE tombstone = 1;
`
const UPSERT = `
  INSERT INTO names VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (bid, name) DO UPDATE SET
    own = excluded.own, counter = excluded.counter, tombstone = excluded.tombstone,
    size = excluded.size, version = excluded.version, atime = excluded.atime,
    mtime = excluded.mtime, checksum = excluded.checksum, custom = excluded.custom
  WHERE (excluded.own, excluded.counter) > (own, counter)
`
const PAGE = 'SELECT * FROM names WHERE bid = ? AND name > ? ORDER BY name LIMIT ?'
const PAGE_FROM = 'SELECT * FROM names WHERE bid = ? AND name >= ? ORDER BY name LIMIT ?'
const TOMBSTONES =
  'SELECT * FROM names WHERE bid = ? AND name > ? AND tombstone = 1 ORDER BY name LIMIT ?'
const FORGET = 'DELETE FROM names WHERE bid = ? AND name = ? AND (own, counter) <= (?, ?)'
const TOTALS =
  'SELECT count(*) AS objects, coalesce(sum(size), 0) AS bytes FROM names WHERE bid = ? AND tombstone = 0'

const BYTES = 'SELECT coalesce(sum(size), 0) AS bytes FROM names'
const DROP = 'DELETE FROM names WHERE bid = ?'

/** Runs something later, once; the result takes it back. */
export type IndexTimer = (ms: number, act: () => void) => () => void

export interface NameIndexHooks {
  /** Told when rows that waited could not be written: it is not complete any more. */
  readonly broken: (error: unknown) => void
  /** How work on the file is run that may hang with its disk. */
  readonly within: <T>(work: () => T) => T
}

/** @param file path of the database, or `:memory:` @param hooks for one that is on a disk */
export function openNameIndex(file: string, after: IndexTimer, hooks?: NameIndexHooks): NameIndex {
  const database = new DatabaseSync(file)
  database.exec(SCHEMA)
  const statements = prepareAll(database)
  let pending: Pending[] = []
  let takeBack: (() => void) | null = null

  function add(one: Pending): void {
    pending.push(one)
    if (pending.length >= PENDING_MAX) flushGuarded()
    else takeBack ??= after(FLUSH_AFTER_MS, flushGuarded)
  }

  /** Whoever asks is served from what takes its place. */
  function flushGuarded(): void {
    if (hooks === undefined) return flush()
    try {
      hooks.within(flush)
    } catch (error) {
      hooks.broken(error)
    }
  }

  function flush(): void {
    takeBack?.()
    takeBack = null
    if (pending.length === 0) return
    const rows = pending
    pending = []
    database.exec('BEGIN')
    for (const {row, gone} of rows) {
      if (gone) statements.forget.run(row.bid, row.name, row.gen.own, row.gen.counter)
      else statements.upsert.run(...columnsOf(row))
    }
    database.exec('COMMIT')
  }

  return {
    note: (row) => add({row, gone: false}),
    forget: (row) => add({row, gone: true}),
    page: (question) => {
      flushGuarded()
      return readPage(statements, question)
    },
    tombstones: ({bid, after, limit}) => {
      flushGuarded()
      return statements.tombstones
        .all(bid, after, limit)
        .map((row) => attributesOf(row as unknown as Row))
    },
    dropBucket: (bid) => {
      flushGuarded()
      statements.drop.run(bid)
    },
    totals: (bid) => {
      flushGuarded()
      const row = statements.totals.get(bid) as {objects: number; bytes: number} | undefined
      return {objects: row?.objects ?? 0, bytes: row?.bytes ?? 0}
    },
    bytes: () => {
      flushGuarded()
      return (statements.bytes.get() as {bytes: number} | undefined)?.bytes ?? 0
    },
    flush,
    close: () => {
      flush()
      database.close()
    },
  }
}

/** A row that is to be written, or removed. */
interface Pending {
  readonly row: ObjectAttributes
  readonly gone: boolean
}

function readPage(
  {page, pageFrom}: Record<StatementName, StatementSync>,
  {bid, prefix, after, limit}: IndexPage,
): readonly ObjectAttributes[] {
  const found: ObjectAttributes[] = []
  const fromPrefix = isBefore(after, prefix)
  const rows = fromPrefix ? pageFrom.iterate(bid, prefix, limit) : page.iterate(bid, after, limit)
  for (const row of rows) {
    const attributes = attributesOf(row as unknown as Row)
    if (!attributes.name.startsWith(prefix)) break
    found.push(attributes)
  }
  return found
}

function prepareAll(database: DatabaseSync): Record<StatementName, StatementSync> {
  return {
    upsert: database.prepare(UPSERT),
    page: withBigInts(database.prepare(PAGE)),
    pageFrom: withBigInts(database.prepare(PAGE_FROM)),
    tombstones: withBigInts(database.prepare(TOMBSTONES)),
    forget: database.prepare(FORGET),
    totals: database.prepare(TOTALS),
    bytes: database.prepare(BYTES),
    drop: database.prepare(DROP),
  }
}

type StatementName =
  'upsert' | 'page' | 'pageFrom' | 'tombstones' | 'forget' | 'totals' | 'bytes' | 'drop'

/** Whether a comes before b in UTF-8 byte order. */
function isBefore(a: string, b: string): boolean {
  return Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8')) < 0
}

interface Row {
  readonly bid: string
  readonly name: string
  readonly own: bigint
  readonly counter: bigint
  readonly tombstone: bigint
  readonly size: bigint
  readonly version: bigint
  readonly atime: bigint
  readonly mtime: bigint
  readonly checksum: string
  readonly custom: string
}

function withBigInts(statement: StatementSync): StatementSync {
  statement.setReadBigInts(true)
  return statement
}

function columnsOf(row: ObjectAttributes): (string | number | bigint)[] {
  return [
    row.bid,
    row.name,
    row.gen.own,
    row.gen.counter,
    row.tombstone ? 1 : 0,
    row.sizeBytes,
    row.version,
    row.atimeNs,
    row.mtimeNs,
    `${row.checksum.type}:${row.checksum.value}`,
    JSON.stringify(row.custom),
  ]
}

function attributesOf(row: Row): ObjectAttributes {
  return {
    name: row.name as ObjectName,
    bid: row.bid,
    sizeBytes: Number(row.size),
    gen: {own: Number(row.own), counter: row.counter},
    version: Number(row.version),
    atimeNs: row.atime,
    mtimeNs: row.mtime,
    checksum: checksumOf(row.checksum),
    custom: JSON.parse(row.custom) as Record<string, string>,
    tombstone: row.tombstone !== 0n,
  }
}

function checksumOf(text: string): Checksum {
  const [type = 'none', value = ''] = text.split(':')
  return {type: type as ChecksumType, value}
}
