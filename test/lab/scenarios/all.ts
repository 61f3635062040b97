/** All scenarios, and which of them a run plays. */

import {adminScenarios} from './admins.ts'
import {changeScenarios} from './changes.ts'
import {decommissionScenarios} from './decommission.ts'
import {diskScenarios} from './disks.ts'
import {intruderScenarios} from './intruders.ts'
import {networkScenarios} from './network.ts'
import {nodeScenarios} from './nodes.ts'
import {orderScenarios} from './orders.ts'
import {powerScenarios} from './power.ts'
import {primaryScenarios} from './primary.ts'
import type {Place, Scenario} from './scenario.ts'
import {removalScenarios} from './removal.ts'
import {truthScenarios} from './truth.ts'
import {wholeScenarios} from './whole.ts'

/** In an order in which each leaves a cluster that the next can use. */
export const SCENARIOS: readonly Scenario[] = [
  ...primaryScenarios,
  ...adminScenarios,
  ...networkScenarios,
  ...nodeScenarios,
  ...wholeScenarios,
  ...intruderScenarios,
  ...changeScenarios,
  ...decommissionScenarios,
  ...removalScenarios,
  ...orderScenarios,
  ...truthScenarios,
  ...powerScenarios,
  ...diskScenarios,
]

/** Of those that take turns, so many are played by one run. */
const TURNS = 3
const DAY_MS = 86_400_000

export interface Choice {
  readonly places: readonly Place[]
  readonly long: boolean
  /** Names; empty: all that fit. */
  readonly only: readonly string[]
}

/** What is played in these places. A named one is played whatever its length. */
export function chosen({places, long, only}: Choice): readonly Scenario[] {
  const here = SCENARIOS.filter(({on}) => places.includes(on))
  if (only.length > 0) return here.filter(({name}) => only.includes(name))
  if (long) return here
  const today = turnsOf(Math.floor(Date.now() / DAY_MS))
  return here.filter((one) => !one.long && (one.byTurns !== true || today.includes(one)))
}

/** Those whose turn it is on that day. */
function turnsOf(day: number): readonly Scenario[] {
  const all = SCENARIOS.filter(({byTurns, long}) => byTurns === true && !long)
  return Array.from({length: TURNS}, (_, at) => all[(day * TURNS + at) % all.length]).filter(
    (one) => one !== undefined,
  )
}
