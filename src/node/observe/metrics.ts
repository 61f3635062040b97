/**
 * Prometheus metrics under AIStore's names: `get.n` of a target is `ais_target_get_count`, by
 * bucket. Counted elsewhere (`stats.ts`); named and written here.
 */

import {Counter, Gauge, Registry} from 'prom-client'

import type {ClusterView} from '../../model/cluster-view.ts'
import type {Role} from '../../model/node.ts'
import {stateFlags} from '../../wire/state-flags.ts'
import type {StatsSnapshot} from './stats.ts'

export interface MetricsInput {
  readonly role: Role
  readonly id: string
  readonly view: ClusterView
  readonly counters: StatsSnapshot
  readonly mainLagMs: number
  readonly uptimeSeconds: number
  /** State bits that the view cannot know. */
  readonly moreFlags: number
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
    if (input.counters[name] === undefined) counter(register, metricName(role, name), [[nodeId, 0]])
  }
  for (const [name, row] of Object.entries(input.counters)) {
    const kind = WITH_KIND.test(name) ? {xkind: ''} : {}
    const values = Object.entries(row).map(([bucket, value]): Labelled => [
      {bucket, ...nodeId, ...kind},
      value,
    ])
    counter(register, metricName(role, name), values)
  }
  gauge(
    `ais_${role}_state_flags`,
    'bitwise value of enumerated node-state flags, including warnings and alerts',
    nodeId,
    stateFlags(view) | input.moreFlags,
  )
  gauge(
    `ais_${role}_uptime`,
    "this node's uptime since its startup (seconds)",
    nodeId,
    input.uptimeSeconds,
  )
  gauge(
    `ais_${role}_control_lag_seconds`,
    'the longest delay of the control plane in the last half minute to minute (seconds)',
    nodeId,
    input.mainLagMs / 1000,
  )
  return register.metrics()
}

type Labelled = readonly [labels: Record<string, string>, value: number]

function counter(register: Registry, name: string, values: readonly Labelled[]): void {
  const labelNames = Object.keys(values[0]?.[0] ?? {})
  const help = `total, see ${name}`
  const made = new Counter({name, help, labelNames, registers: [register]})
  for (const [labels, value] of values) made.inc(labels, value)
}

/** `get.n` → `ais_target_get_count`; `.size` → `_bytes`, `.ns.total` → `_ns_total`. */
function metricName(role: Role, name: string): string {
  const words = name.replace(/\.n$/, '.count').replace(/\.size$/, '.bytes')
  return `ais_${role}_${words.replaceAll('.', '_')}`
}
