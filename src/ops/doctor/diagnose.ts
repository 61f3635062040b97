/**
 * From everything that was gathered to what is wrong, the cause before what follows from it. Pure:
 * the same evidence gives the same diagnosis.
 */

import {pathFindings} from '../check/paths.ts'
import {nodeLabel} from '../../model/ids.ts'
import {RANKS, type Cause, type Patient} from './cause.ts'
import {complaintCauses, diskCauses} from './disk-causes.ts'
import {fileCauses} from './file-causes.ts'
import {hostCauses, portCauses} from './host-causes.ts'
import {processCauses, unitCauses} from './process-causes.ts'
import {programCauses} from './program-causes.ts'

/** All causes; the first line is the most likely beginning of the others. */
export function diagnose(patient: Patient): Cause[] {
  const known = [
    ...hostCauses(patient),
    ...fileCauses(patient),
    ...programCauses(patient),
    ...portCauses(patient),
    ...diskCauses(patient),
    ...processCauses(patient),
    ...networkCauses(patient),
  ]
  // What a unit says at its end is of use where nothing else explains it.
  const units = unitCauses(patient).filter((unit) => !known.some((cause) => explains(cause, unit)))
  const complaints = complaintCauses(patient).filter(
    ({node}) => !known.some((cause) => cause.node === node && cause.rank === 'data-disk'),
  )
  const causes = [...known, ...units, ...complaints]
  return [...causes, ...mapCauses(patient, causes)].toSorted(
    (a, b) => RANKS.indexOf(a.rank) - RANKS.indexOf(b.rank),
  )
}

function networkCauses({surveys}: Patient): Cause[] {
  return pathFindings(surveys).map((finding) => ({
    ...finding,
    rank: 'network',
    what: `${finding.host}: ${finding.what}`,
  }))
}

/** A machine-id or a clock stops no unit. */
const STOPS_NOTHING = ['clock', 'machine-id', 'mtu', 'filtered', 'volume-full']

function explains(cause: Cause, unit: Cause): boolean {
  if (cause.host !== unit.host || STOPS_NOTHING.includes(cause.id)) return false
  return cause.node === undefined || cause.node === unit.node
}

/** Nodes that the cluster misses, and that nothing above speaks of. */
function mapCauses({health, surveys}: Patient, causes: readonly Cause[]): Cause[] {
  return health.nodes.flatMap(({node, ok, why}): Cause[] => {
    const place = `${node.host}/${node.instance}`
    const told = causes.some(
      (cause) => cause.node === place || (cause.host === node.host && cause.node === undefined),
    )
    // One cause elsewhere can hide a whole cluster: without a map everybody is missing.
    const blind = health.mapVersion === undefined && causes.length > 0
    if (ok || told || blind || !surveys.has(node.host)) return []
    return [
      {
        id: 'not-in-map',
        rank: 'map',
        severity: 'error',
        host: node.host,
        node: place,
        what: `${place}: ${nodeLabel(node.role, node.id)} is not active: ${why}`,
        why: 'its unit runs, but the cluster does not count on it',
        fix: `see what it waits for: aisctl logs ${node.id}; aisctl show cluster`,
      },
    ]
  })
}
