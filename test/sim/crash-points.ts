/**
 * Crashes at every effect: a scene is played once to count the effects of all nodes while it lasts,
 * then once per effect, with the node that would have it dead before it, in turns with and without
 * power. Whatever the point, everything must hold, and the cluster must be whole afterwards.
 */

import {succession} from '../../src/core/placement/next-primary.ts'
import {simBucket} from './world/bucket.ts'
import {optionsOf, type WorldOptions} from './world/options.ts'
import type {Fate, SimProcess} from './world/process.ts'
import {runWorld, type Outcome, type Script} from './world/world.ts'

interface Scenario {
  readonly name: string
  readonly topology: readonly [proxies: number, targets: number]
  readonly act: Script['act']
  /** Nodes that are started by the scene. */
  readonly late?: readonly number[]
  /** From the very start. */
  readonly fromStart?: boolean
}

export interface CrashPoints {
  readonly scenario: string
  readonly points: number
  readonly played: number
  readonly violations: readonly {readonly point: number; readonly detail: string}[]
}

/** When a scene begins, and how long its effects are counted. */
const BEGIN_MS = 6000
const SCENE_MS = 4500
/** The node that died is started again after this. */
const RESTART_MS = 1000

const primaryOf = (processes: readonly SimProcess[]): SimProcess | undefined =>
  processes.find((process) => process.view()?.leading === true)

const SCENARIOS: readonly Scenario[] = [
  {name: 'founding', topology: [2, 2], act: () => undefined, fromStart: true},
  {
    name: 'bucket made',
    topology: [3, 2],
    act: ({processes, workload}) => {
      const command = {
        type: 'create-bucket' as const,
        ref: simBucket('scene'),
        set: {},
        durability: 'default' as const,
      }
      primaryOf(processes)?.command(command, workload.act)
    },
  },
  {
    name: 'primary killed',
    topology: [3, 2],
    act: ({processes}) => primaryOf(processes)?.kill(false),
  },
  {
    name: 'primary without power',
    topology: [2, 1],
    act: ({processes}) => primaryOf(processes)?.kill(true),
  },
  {
    name: 'office handed over',
    topology: [3, 2],
    act: ({processes, workload}) => {
      const primary = primaryOf(processes)
      const smap = primary?.view()?.record?.smap
      const heir = smap === undefined ? undefined : succession(smap)[0]
      if (primary !== undefined && heir !== undefined) {
        workload.handOver(primary, heir, () => undefined)
      }
    },
  },
  {
    name: 'primary stopped in good order',
    topology: [3, 2],
    act: ({processes}) => primaryOf(processes)?.stop(),
  },
  {
    name: 'target stopped in good order',
    topology: [2, 3],
    act: ({processes}) => processes[4]?.stop(),
  },
  {
    name: 'node joins',
    topology: [2, 3],
    late: [4],
    act: ({processes}) => processes[4]?.start(),
  },
  {
    name: 'second gateway joins',
    topology: [2, 2],
    late: [1],
    act: ({processes}) => processes[1]?.start(),
  },
  {
    name: 'disk lost',
    topology: [3, 2],
    act: ({clock, processes}) => {
      processes[4]?.kill(true)
      processes[4]?.disk.wipe()
      clock.after(300, () => processes[4]?.start())
    },
  },
  {
    name: 'everything restarted',
    topology: [3, 2],
    act: ({clock, processes}) => {
      for (const process of processes) {
        process.kill(true)
        clock.after(200, process.start)
      }
    },
  },
  {
    name: 'two primaries die',
    topology: [3, 3],
    act: ({clock, processes}) => {
      primaryOf(processes)?.kill(false)
      clock.after(700, () => primaryOf(processes)?.kill(false))
    },
  },
]

/** Plays all scenes. @param stride of every so many effects one */
export function playCrashPoints(
  seed: number,
  stride: number,
  say: (line: string) => void,
): readonly CrashPoints[] {
  return SCENARIOS.map((scenario) => {
    const counted = playScene(scenario, seed, -1)
    const violations: {point: number; detail: string}[] = []
    let played = 0
    for (let point = 0; point < counted.points; point += stride) {
      played++
      const {outcome} = playScene(scenario, seed, point)
      for (const {invariant, detail} of outcome.violations) {
        violations.push({point, detail: `${invariant}: ${detail}`})
      }
      if (!outcome.converged) violations.push({point, detail: 'did not converge'})
    }
    say(`${scenario.name}: ${played} of ${counted.points} effects, ${violations.length} violations`)
    return {scenario: scenario.name, points: counted.points, played, violations}
  })
}

/** Plays one scene, with a death before an effect; -1: none. */
function playScene(
  scenario: Scenario,
  seed: number,
  point: number,
): {readonly outcome: Outcome; readonly points: number} {
  const atMs = scenario.fromStart === true ? 0 : BEGIN_MS
  const options = sceneOptions(scenario, seed)
  let points = 0
  let start: ((process: SimProcess) => void) | undefined
  const atBoundary = (process: SimProcess): Fate => {
    const nowMs = process.atMs()
    if (nowMs < atMs || nowMs > atMs + SCENE_MS) return 'goes-on'
    const here = points++
    if (here !== point) return 'goes-on'
    start?.(process)
    return here % 2 === 0 ? 'killed' : 'loses-power'
  }
  const script: Script = {
    atMs,
    act: (cast) => {
      start = (process) => cast.clock.after(RESTART_MS, process.start)
      scenario.act(cast)
    },
  }
  return {outcome: runWorld(options, {script, atBoundary}), points}
}

function sceneOptions(scenario: Scenario, seed: number): WorldOptions {
  const options = optionsOf(seed, {topology: scenario.topology, kinds: [], pace: 1})
  return {
    ...options,
    nonElectable: 0,
    late: (scenario.late ?? []).map((node) => ({node, atMs: BEGIN_MS + SCENE_MS})),
    gone: [],
    tickMs: 100,
    chaosMs: BEGIN_MS + SCENE_MS + 2000,
    healMs: 15_000,
    delayMs: 0.5,
    lossRatio: 0,
    duplicateRatio: 0,
    diskMs: 5,
    commandEveryMs: 2000,
    writeEveryMs: 1000,
  }
}
