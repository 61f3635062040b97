/** Names of statistics that AIStore's tables look up, and their kinds (`what=metrics`). */

import type {Role} from '../model/node.ts'

/** What a name's last part says of it. */
export type MetricKind = 'counter' | 'latency' | 'total' | 'bw' | 'size' | 'gauge' | 'special'

const COMMON: Readonly<Record<string, MetricKind>> = {
  'append.n': 'counter',
  'del.n': 'counter',
  'err.append.n': 'counter',
  'err.del.n': 'counter',
  'err.get.n': 'counter',
  'err.head.n': 'counter',
  'err.http.write.n': 'counter',
  'err.kalive.n': 'counter',
  'err.lst.n': 'counter',
  'err.put.n': 'counter',
  'err.ren.n': 'counter',
  'get.n': 'counter',
  'get.ns': 'latency',
  'get.ns.total': 'total',
  'head.n': 'counter',
  'kalive.ns': 'latency',
  'lst.n': 'counter',
  'lst.ns': 'latency',
  'put.n': 'counter',
  'ren.n': 'counter',
  'state.flags': 'gauge',
  'up.ns.time': 'special',
}

const TARGET: Readonly<Record<string, MetricKind>> = {
  'append.ns': 'latency',
  'err.io.del.n': 'counter',
  'err.io.get.n': 'counter',
  'err.io.put.n': 'counter',
  'err.put.cksum.n': 'counter',
  'get.bps': 'bw',
  'get.redir.ns': 'latency',
  'get.size': 'size',
  'head.ns.total': 'total',
  'put.bps': 'bw',
  'put.ns': 'latency',
  'put.ns.total': 'total',
  'put.redir.ns': 'latency',
  'put.size': 'size',
}

/** Kinds by name, sorted, of a node of this role. */
export function metricKinds(role: Role): Readonly<Record<string, MetricKind>> {
  const kinds = role === 'target' ? {...COMMON, ...TARGET} : COMMON
  return Object.fromEntries(Object.entries(kinds).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
