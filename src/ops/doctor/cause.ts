/**
 * What doctor knows and what it says: a patient is what all hosts have told of themselves, a cause
 * is a finding with its place among others. Pure, as all files of this folder but doctor.ts.
 */

import type {AisError} from '../../base/errors.ts'
import type {Finding} from '../check/findings.ts'
import type {ClusterHealth} from '../cluster/health.ts'
import {unitOf} from '../host/manifest.ts'
import type {HostSurvey, UnitSurvey} from '../survey/host-survey.ts'
import type {Topology, TopologyHost, TopologyNode} from '../topology/resolve.ts'

/** Everything that was gathered; no classifier asks anybody. */
export interface Patient {
  readonly topology: Topology
  readonly surveys: ReadonlyMap<string, HostSurvey>
  /** Hosts that could not be looked at. */
  readonly lost: ReadonlyMap<string, AisError>
  readonly health: ClusterHealth
  /** What nodes that answer say of their own mountpaths, by node id; '' when all is well. */
  readonly complaints: ReadonlyMap<string, string>
}

/** What comes first is what others follow from. */
export const RANKS = [
  'host',
  'configuration',
  'program',
  'port',
  'system-disk',
  'data-disk',
  'process',
  'network',
  'identity',
  'unit',
  'map',
] as const

export interface Cause extends Finding {
  readonly rank: (typeof RANKS)[number]
  /** Label of the node that it is about, `h2/target`; absent: the whole host. */
  readonly node?: string
}

/** A node with what its host has told of it. */
export interface Seen {
  readonly node: TopologyNode
  readonly host: TopologyHost
  readonly survey: HostSurvey
  /** Undefined when systemd said nothing of it. */
  readonly unit: UnitSurvey | undefined
  /** `h2/target`. */
  readonly place: string
}

/** Every node whose host was reached. */
export function seenNodes({topology, surveys}: Patient): Seen[] {
  return topology.hosts.flatMap((host) => {
    const survey = surveys.get(host.name)
    if (survey === undefined) return []
    return host.nodes.map((node) => ({
      node,
      host,
      survey,
      unit: survey.units[unitOf(node)],
      place: `${host.name}/${node.instance}`,
    }))
  })
}

/** A cause of one node; `what` begins with its place. */
export function nodeCause(
  {host, place}: Seen,
  rank: Cause['rank'],
  said: Pick<Cause, 'id' | 'what' | 'why' | 'fix'>,
): Cause {
  return {
    ...said,
    rank,
    severity: 'error',
    host: host.name,
    node: place,
    what: `${place}: ${said.what}`,
  }
}

/** systemd has it running, and does not wait to start it again. */
export function isRunning(unit: UnitSurvey | undefined): boolean {
  const state = unit?.properties
  return state?.['ActiveState'] === 'active' && state['SubState'] === 'running'
}

/** Longer than the watchdog takes to end a node that is stuck, and systemd to start it again. */
const SETTLED_MS = 75_000

/** It has been running for so long that what its journal says of before is over. */
export function isSettled({unit, survey}: Seen): boolean {
  if (unit === undefined || !isRunning(unit)) return false
  const sinceMs = Number(unit.properties['ActiveEnterTimestampMonotonic']) / 1000
  return survey.uptimeMs - sinceMs > SETTLED_MS
}
