/** The kernel on stage: nodes of the virtual world in scenes that a test directs. */

import type {BootFacts, Command, CommandResult, PeerRequest} from '../../src/core/kernel/events.ts'
import type {Member} from '../../src/model/node.ts'
import type {BeatRequest, PeerAnswer} from '../../src/model/peer-messages.ts'
import type {ClusterRecord} from '../../src/model/record.ts'
import type {SimProcess} from '../sim/world/process.ts'
import {createScene, sceneFacts, SIM_UUID, type Scene} from '../sim/world/scene.ts'
import {simBucket} from '../sim/world/workload.ts'
import {isConverged} from '../sim/world/world.ts'

export interface Stage extends Scene {
  readonly lines: string[]
  readonly run: (ms: number) => void
  /** Runs until something holds; says how long that took, -1 when it did not. */
  readonly until: (holds: () => boolean, limitMs?: number) => number
  readonly at: (index: number) => SimProcess
  /** The committed record in use at a node. */
  readonly record: (index?: number) => ClusterRecord
  readonly member: (index: number) => Member | undefined
  readonly ask: (index: number, command: Command) => CommandResult
}

/** A cluster on stage, all nodes off. */
export function stageOf(
  facts: readonly BootFacts[],
  seed = 7,
  onExit: (process: SimProcess) => void = () => undefined,
): Stage {
  const lines: string[] = []
  const scene = createScene({
    seed,
    facts,
    delayMs: 0.3,
    lossRatio: 0,
    duplicateRatio: 0,
    diskMs: 5,
    encodeOneIn: 4,
    witness: {
      stepped: (_process, _before, _event, effects) => {
        for (const effect of effects) if (effect.type === 'log') lines.push(effect.text)
      },
      durable: () => undefined,
      inUse: () => undefined,
      threw: (_process, error) => {
        throw error
      },
    },
    onExit,
  })
  const at = (index: number): SimProcess => scene.processes[index] as SimProcess
  const run = (ms: number): void => void scene.clock.runUntil(scene.clock.nowMs() + ms)
  const until = (holds: () => boolean, limitMs = 60_000): number => {
    for (let ms = 0; ms < limitMs; ms += 5) {
      if (holds()) return ms
      run(5)
    }
    return -1
  }
  const record = (index = 0): ClusterRecord => at(index).view()?.record as ClusterRecord
  return {
    ...scene,
    lines,
    run,
    until,
    at,
    record,
    member: (index) => at(0).view()?.record?.smap.nodes[at(index).facts.self.id],
    ask: (index, command) => {
      let heard: CommandResult | undefined
      at(index).command(command, (result) => {
        heard = result
      })
      until(() => heard !== undefined, 70_000)
      return heard as CommandResult
    },
  }
}

/** A cluster that has formed. */
export function started(proxies: number, targets: number, seed = 7): Stage {
  const stage = stageOf(sceneFacts(proxies, targets), seed)
  for (const process of stage.processes) process.start()
  stage.until(() => isConverged(stage.processes))
  return stage
}

/** A command that makes a bucket. */
export const bucket = (name: string): Extract<Command, {type: 'create-bucket'}> => ({
  type: 'create-bucket',
  ref: simBucket(name),
  set: {},
  durability: 'default',
})

/** Puts one question to a node, in the name of another, and gives what it says. */
export function put(stage: Stage, index: number, request: PeerRequest, from = 0): PeerAnswer {
  let heard: PeerAnswer | undefined
  stage.at(index).peerAsked(from, request, (answer) => {
    heard = answer
  })
  stage.until(() => heard !== undefined, 5000)
  return heard as PeerAnswer
}

/** A beat to the first run of a node, without a lease, of this epoch or another. */
export function beatAt(stage: Stage, epoch = stage.record().epoch): BeatRequest {
  const {epoch: committed, index} = stage.record()
  return {
    type: 'beat',
    uuid: SIM_UUID,
    epoch,
    committed: {epoch: committed, index},
    committedSha: '',
    settled: 0,
    started: true,
    to: {inc: 1, run: 1},
    echo: 0,
    leaseMs: 0,
  }
}
