/** The kinds of worlds that the simulator plays, and what is broken in each on purpose. */

import {OBJECT_MUTANTS, type ObjectMutant} from './objects/mutants.ts'
import {objectOptionsOf, type ObjectWorldOptions} from './objects/options.ts'
import {runObjectWorld} from './objects/world.ts'
import {mutatedObjectWorld, mutatedWorld} from './world/mutate.ts'
import {MUTANTS, type Mutant} from './world/mutants.ts'
import {optionsOf, type WorldOptions} from './world/options.ts'
import {runWorld, type Outcome, type RunOptions} from './world/world.ts'

export interface Play {
  readonly trace?: ((line: string) => void) | undefined
  readonly watched?: string | undefined
  /** The same seed without jumps of wall clocks: nothing else may differ (C23). */
  readonly wallJumps?: boolean
}

/** What a world is like, as far as it differs from what its seed draws. */
export type Plan = Partial<ObjectWorldOptions>

/** One kind of world. */
export interface WorldKind {
  readonly name: string
  readonly play: (seed: number, how?: Play) => Promise<Outcome> | Outcome
  /** A seed with a plan that was written down: what differs from what the seed draws. */
  readonly replay: (seed: number, plan: Plan, how?: Play) => Promise<Outcome> | Outcome
  readonly mutants: readonly {
    readonly name: string
    /** A seed that has shown it. */
    readonly known?: number | undefined
    readonly play: (seed: number) => Promise<Outcome> | Outcome
    /** The same world with nothing broken. */
    readonly control: (seed: number) => Promise<Outcome> | Outcome
  }[]
}

export const WORLDS: readonly WorldKind[] = [
  {
    name: 'kernels',
    play: (seed, how) => runWorld(optionsOf(seed), how),
    replay: (seed, plan, how) => runWorld({...optionsOf(seed), ...plan}, how),
    mutants: MUTANTS.map((mutant) => ({
      name: mutant.name,
      known: mutant.known,
      play: (seed) => playMutant(mutant, optionsOf(seed, mutant.world)),
      control: (seed) => runWorld(optionsOf(seed, mutant.world)),
    })),
  },
  {
    name: 'objects',
    play: (seed, how) =>
      runObjectWorld(objectOptionsOf(seed), {trace: how?.trace, watched: how?.watched}),
    replay: (seed, plan, how) =>
      runObjectWorld({...objectOptionsOf(seed), ...plan}, {trace: how?.trace}),
    mutants: OBJECT_MUTANTS.map((mutant) => ({
      name: mutant.name,
      known: mutant.known,
      play: (seed) => playObjectMutant(mutant, seed),
      control: (seed) => runObjectWorld(objectOptionsOf(seed)),
    })),
  },
]

/** Plays a world of stores that are broken. */
async function playObjectMutant(mutant: ObjectMutant, seed: number): Promise<Outcome> {
  const {edit, name} = mutant
  const options = objectOptionsOf(seed)
  if (edit === undefined) return runObjectWorld(options, {mutant})
  const world = await mutatedObjectWorld(name, edit)
  return world.runObjectWorld(options, {mutant})
}

/** Plays a world of kernels that are broken. */
export async function playMutant(
  mutant: Mutant,
  options: WorldOptions,
  how: RunOptions = {},
): Promise<Outcome> {
  const {edit} = mutant
  if (edit === undefined) return runWorld(options, {...how, mutant})
  const world = await mutatedWorld(mutant.name, edit)
  return world.runWorld(options, how)
}
