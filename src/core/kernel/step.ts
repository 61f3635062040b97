/** The kernel: one event in, the next state and the effects out. */

import type {KernelEffect, KernelEvent} from './events.ts'
import type {KernelState} from './state.ts'

/** Before `booted`. */
export function initialKernel(): KernelState {
  return {phase: 'idle'}
}

/** Takes one event. */
export function step(
  state: KernelState,
  event: KernelEvent,
): {readonly state: KernelState; readonly effects: readonly KernelEffect[]} {
  return event.type === 'booted' ? {state, effects: []} : {state, effects: []}
}
