/**
 * Prometheus metrics under AIStore's names: `get.n` of a target is `ais_target_get_count`, by bucket.
 * Counted elsewhere (`stats.ts`); named and written here.
 */

import {Counter, Gauge, Registry} from 'prom-client'

import type {ClusterView} from '../../model/cluster-view.ts'
import type {Role} from '../../model/node.ts'
import {stateFlags} from '../../wire/node-state.ts'
import type {StatsSnapshot} from './stats.ts'

export interface MetricsInput {
  readonly role: Role
  readonly id: string
  readonly view: ClusterView
  readonly counters: StatsSnapshot
  readonly uptimeSeconds: number
}

/** Metrics that carry AIStore's `xkind` label; empty for what users do. */
const WITH_KIND = /^(err\.)?(io\.)?put\./

/** Shown from the start, at zero. */
const ALWAYS = ['err.http.write.n', 'err.kalive.n']

export function metricsText(input: MetricsInput): Promise<string> {
  const {role, id, view} = input
  const register = new Registry()
  const nodeId = {node_id: id.replaceAll(/[^A-Za-z0-9_]/g, '_')}
  const gauge = (
    name: string,
    help: string,
    labels: Record<string, string>,
    value: number,
  ): void => {
    const labelNames = Object.keys(labels)
    new Gauge({name, help, labelNames, registers: [register]}).set(labels, value)
  }
  gauge(
    'ais_node_primary_info',
    'Primary proxy information for this node.',
    {...nodeId, primary_id: view.record?.smap.primary ?? ''},
    1,
  )
  for (const name of ALWAYS) {
    if (input.counters[name] === undefined) counter(register, role, name, [nodeId], [0])
  }
  for (const [name, row] of Object.entries(input.counters)) {
    const kind = WITH_KIND.test(name) ? {xkind: ''} : {}
    const labels = Object.keys(row).map((bucket) => ({bucket, ...nodeId, ...kind}))
    counter(register, role, name, labels, Object.values(row))
  }
  gauge(
    `ais_${role}_state_flags`,
    'bitwise value of enumerated node-state flags, including warnings and alerts',
    nodeId,
    stateFlags(view),
  )
  gauge(
    `ais_${role}_uptime`,
    "this node's uptime since its startup (seconds)",
    nodeId,
    input.uptimeSeconds,
  )
  return register.metrics()
}

function counter(
  register: Registry,
  role: Role,
  name: string,
  labels: readonly Record<string, string>[],
  values: readonly number[],
): void {
  const labelNames = Object.keys(labels[0] ?? {})
  const full = metricName(role, name)
  const made = new Counter({
    name: full,
    help: `total of ${name}`,
    labelNames,
    registers: [register],
  })
  labels.forEach((label, at) => made.inc(label, values[at] ?? 0))
}

/** `get.n` → `ais_target_get_count`; `.size` → `_bytes`, `.ns.total` → `_ns_total`. */
function metricName(role: Role, name: string): string {
  const words = name.replace(/\.n$/, '.count').replace(/\.size$/, '.bytes')
  return `ais_${role}_${words.replaceAll('.', '_')}`
}
