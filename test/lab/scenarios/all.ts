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
  ...changeScenarios,
  ...decommissionScenarios,
  ...removalScenarios,
  ...orderScenarios,
  ...truthScenarios,
  ...powerScenarios,
  ...diskScenarios,
  // Some of its guests are members for good.
  ...intruderScenarios,
]

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
  return here.filter((one) => !one.long)
}
