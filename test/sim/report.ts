/** What a run of the simulator says at its end: sums, and what was found. */

import type {CrashPoints} from './crash-points.ts'
import type {Measured, MutantResult} from './hunt.ts'
import type {Violation} from './world/invariants.ts'
import type {Outcome} from './world/world.ts'

/** Seeds of one topology. */
export interface TopologyCount {
  readonly seeds: number
  readonly violations: number
  readonly notConverged: number
}

export interface Report extends Summary {
  readonly seeds: number
  readonly firstSeed: number
  readonly cpuSeconds: number
  readonly mutants?: readonly MutantResult[]
  readonly measured?: readonly Measured[]
  readonly crashPoints?: readonly CrashPoints[]
}

export interface Summary {
  readonly events: number
  readonly clusterHours: number
  readonly topologies: Readonly<Record<string, TopologyCount>>
  readonly faults: Readonly<Record<string, number>>
  readonly sometimes: Readonly<Record<string, number>>
  readonly violations: readonly Violation[]
  readonly notConverged: readonly number[]
}

/** Violations kept in the report; a seed fails for one reason, and a long list helps nobody. */
const VIOLATIONS_REPORTED = 20
const HOUR_MS = 3_600_000

/** Adds outcomes up as they come, so that a long run holds none of them. */
export function createSummary(): {
  readonly add: (outcome: Outcome) => void
  readonly summary: () => Summary
} {
  let events = 0
  let virtualMs = 0
  const topologies: Record<string, {seeds: number; violations: number; notConverged: number}> = {}
  const faults: Record<string, number> = {}
  const sometimes: Record<string, number> = {}
  const violations: Violation[] = []
  const notConverged: number[] = []
  return {
    add: (outcome) => {
      events += outcome.events
      virtualMs += outcome.virtualMs
      const at = (topologies[outcome.topology] ??= {seeds: 0, violations: 0, notConverged: 0})
      at.seeds++
      at.violations += outcome.violations.length
      if (!outcome.converged) {
        at.notConverged++
        notConverged.push(outcome.seed)
      }
      addTo(faults, outcome.faults)
      addTo(sometimes, outcome.sometimes)
      violations.push(...outcome.violations)
    },
    summary: () => ({
      events,
      clusterHours: Math.round((virtualMs / HOUR_MS) * 100) / 100,
      topologies: sorted(topologies),
      faults: sorted(faults),
      sometimes: sorted(sometimes),
      violations: violations.slice(0, VIOLATIONS_REPORTED),
      notConverged,
    }),
  }
}

function addTo(sum: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + count
}

function sorted<Value>(record: Readonly<Record<string, Value>>): Readonly<Record<string, Value>> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))
}
