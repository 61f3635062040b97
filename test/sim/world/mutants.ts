/**
 * Deliberately broken nodes: a checker that never fires is worth nothing. Each breaks one rule at the
 * border of the kernel, so that the shipped files stay as they are.
 */

import type {DurableState, KernelEffect} from '../../../src/core/kernel/events.ts'
import type {SimProcess} from './process.ts'

export interface Mutant {
  readonly name: string
  readonly onPlatter?: (state: DurableState) => DurableState
  readonly keepsMemory?: boolean
  readonly alterEffects?: (
    process: SimProcess,
    effects: readonly KernelEffect[],
  ) => readonly KernelEffect[]
}

export const MUTANTS: readonly Mutant[] = []
