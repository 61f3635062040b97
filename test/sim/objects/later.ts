/** What a node's own timers are: on its process's clock, in that run of it only. */

import type {SimProcess} from '../world/process.ts'
import type {Rest} from './rest.ts'

/** Runs something later, once; the result takes it back. */
export type Later = (ms: number, act: () => void) => () => void

export function laterOf(process: SimProcess, rest: Rest): Later {
  return (ms, act) => {
    let isDue = true
    process.soon(ms, () => {
      if (!isDue) return
      rest.stir()
      act()
    })
    return () => {
      isDue = false
    }
  }
}
