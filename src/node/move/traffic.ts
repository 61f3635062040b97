/** Whether clients are being served at this target: two numbers, kept at the cost of two writes. */

import type {ClientTraffic} from '../../core/objects/move.ts'

export interface TrafficWatch {
  readonly begin: () => void
  readonly end: () => void
  readonly now: () => ClientTraffic
}

/** @param nowMs monotonic */
export function createTraffic(nowMs: () => number): TrafficWatch {
  let inFlight = 0
  let lastMs = Number.NEGATIVE_INFINITY
  return {
    begin: () => {
      inFlight += 1
    },
    end: () => {
      inFlight -= 1
      lastMs = nowMs()
    },
    now: () => ({inFlight, quietMs: inFlight > 0 ? 0 : nowMs() - lastMs}),
  }
}
