/** A finding about the cluster as a whole: fewer failures survived than its size suggests. */

import type {Survival} from '../../client/survival.ts'
import {survivalOf} from '../../client/survival.ts'
import {nodesOf, type Topology} from '../topology/resolve.ts'

/** A finding whose host is the cluster. */
export interface SurvivalFinding extends NonNullable<Survival['warning']> {
  readonly id: 'survival'
  readonly severity: 'warning'
  readonly host: string
}

/** Empty when the cluster survives what one expects of it. */
export function survivalFindings(topology: Topology): SurvivalFinding[] {
  const {warning} = survivalOf(nodesOf(topology))
  if (warning === null) return []
  return [{id: 'survival', severity: 'warning', host: topology.cluster.name, ...warning}]
}
