/**
 * Counters of one thread: by AIStore's metric name (`get.n`, `put.size`, `get.ns.total`) and
 * bucket. A plain sum, so that the snapshots of several threads can be added. Names and types on
 * the wire are `metrics.ts`'s business.
 */

/** Buckets counted apart; beyond, they share the empty label, so that memory stays bounded. */
const BUCKETS_MAX = 1000

/** `name` → bucket label ('' without) → value. */
export type StatsSnapshot = Readonly<Record<string, Readonly<Record<string, number>>>>

/** What a node counts and measures. */
export interface NodeStats {
  /** Of all data workers together. */
  readonly counters: StatsSnapshot
  /** How late the main thread was at most, in the last half minute to minute. */
  readonly mainLagMs: number
}

export interface Stats {
  readonly add: (name: string, bucket: string, by: number) => void
  readonly snapshot: () => StatsSnapshot
}

export function createStats(): Stats {
  const counters = new Map<string, Map<string, number>>()
  return {
    add: (name, bucket, by) => {
      let row = counters.get(name)
      if (row === undefined) {
        row = new Map()
        counters.set(name, row)
      }
      const label = row.size < BUCKETS_MAX || row.has(bucket) ? bucket : ''
      row.set(label, (row.get(label) ?? 0) + by)
    },
    snapshot: () =>
      Object.fromEntries([...counters].map(([name, row]) => [name, Object.fromEntries(row)])),
  }
}

/** The sum of several threads' counters. */
export function addSnapshots(snapshots: readonly StatsSnapshot[]): StatsSnapshot {
  const sum = createStats()
  for (const snapshot of snapshots) {
    for (const [name, row] of Object.entries(snapshot)) {
      for (const [bucket, value] of Object.entries(row)) sum.add(name, bucket, value)
    }
  }
  return sum.snapshot()
}

/** One name over all buckets. */
export function totalOf(snapshot: StatsSnapshot, name: string): number {
  return Object.values(snapshot[name] ?? {}).reduce((sum, value) => sum + value, 0)
}
