/**
 * Why nodes do not become well: the state of their units and the last words of their journals. A
 * unit that no restart can mend ends the waiting at once.
 */

import {AisError} from '../../base/errors.ts'
import {labelOf, type NodeHealth} from '../cluster/health.ts'
import type {Fleet} from '../fleet.ts'
import {inspectUnit} from './unit.ts'

/** Nodes looked at; the others mostly have the same reason. */
const INSPECTED_MAX = 4
/** Exit status of a configuration that no restart can mend; systemd does not try again. */
const EXIT_CONFIG = '78'

/** @returns a function for waitForHealth */
export function lookCloserAt(
  fleet: Fleet,
): (unwell: readonly NodeHealth[], last: boolean) => Promise<AisError | undefined> {
  return async (unwell, last) => {
    const looked = await Promise.all(
      unwell.slice(0, INSPECTED_MAX).map(async (health) => ({
        health,
        ...(await inspectUnit(fleet, health.node)),
      })),
    )
    const hopeless = looked.filter(({state}) => state.active === 'failed')
    const shown = hopeless.length > 0 ? hopeless : looked
    if (shown.length === 0 || (hopeless.length === 0 && !last)) return undefined
    return new AisError({
      code: hopeless.length > 0 ? 'HOST_COMMAND' : 'TIMED_OUT',
      message: shown
        .map(({health: {node, why}, state, journal}) => {
          const exit = state.exit === EXIT_CONFIG ? 'its configuration is not valid' : why
          const status = state.status === '' ? '' : ` (${state.status})`
          return [`${labelOf(node)}: ${state.active}, ${exit}${status}`, ...journal].join('\n    ')
        })
        .join('\n'),
      hint: 'mend it and repeat the command: what was done is found done',
      details: {nodes: shown.map(({health, state}) => ({id: health.node.id, ...state}))},
    })
  }
}
