/** A lifecycle command as a run: the same command, under the lock and in the journal. */

import type {LifecyclePlan} from '../lifecycle.ts'
import type {RunHeader} from './journal.ts'
import {journaled} from './journaled.ts'

export interface LifecycleRun extends LifecyclePlan {
  /** Writes how it ended and lets the lock go; `close` does so, too. */
  end(): Promise<void>
  /** About open debts, once it has ended; undefined: there are none. */
  debtLine(): string | undefined
}

/** @param resumes the run that is taken up again */
export function asRun(lifecycle: LifecyclePlan, resumes?: RunHeader): LifecycleRun {
  const {run} = lifecycle
  if (run === undefined) {
    return {...lifecycle, end: () => Promise.resolve(), debtLine: () => undefined}
  }
  const journal = journaled(lifecycle.plan, {
    ...run,
    debts: () => lifecycle.debts?.() ?? [],
    ...(resumes === undefined ? {} : {resumes}),
  })
  return {
    ...lifecycle,
    plan: journal.plan,
    end: () => journal.close(),
    debtLine: () => journal.debtLine(),
    close: async () => {
      try {
        await journal.close()
      } finally {
        await lifecycle.close()
      }
    },
  }
}
