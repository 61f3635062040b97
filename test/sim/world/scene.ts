/**
 * Nodes, links, disks and a clock, without anything that goes wrong by itself: the stage for a
 * seed's world and for the unit tests' scenarios.
 */

import type {BootFacts, KernelEffect} from '../../../src/core/kernel/events.ts'
import type {JsonObject} from '../../../src/model/bucket.ts'
import type {ClusterUuid, NodeId} from '../../../src/model/ids.ts'
import type {Endpoint} from '../../../src/model/node.ts'
import type {PeerAnswer} from '../../../src/model/peer-messages.ts'
import {createClock, type Clock} from './clock.ts'
import {createDisk} from './disk.ts'
import type {Mutant} from './mutants.ts'
import {createNetwork, type Network} from './network.ts'
import {createProcess, type Fate, type SimProcess, type Witness} from './process.ts'
import {randomOf, randomOfPart, STREAM} from './random.ts'

export interface SceneOptions {
  readonly seed: number
  readonly facts: readonly BootFacts[]
  readonly delayMs: number
  readonly lossRatio: number
  readonly duplicateRatio: number
  readonly diskMs: number
  readonly encodeOneIn: number
  readonly mutant?: Mutant | undefined
  readonly witness: Witness
  /** A process ended by itself: in good order, or because a flush failed. */
  readonly onExit: (process: SimProcess) => void
  readonly atBoundary?: ((process: SimProcess, effect: KernelEffect) => Fate) | undefined
  readonly tickMs?: number | undefined
}

export interface Scene {
  readonly clock: Clock
  readonly network: Network
  readonly processes: readonly SimProcess[]
  /** Index of the node that listens at a port; -1: none. */
  readonly placeOf: (port: number) => number
}

export const SIM_UUID = 'sim-cluster-1' as ClusterUuid
/** Ports per node, as in the playground. */
const PORT_BASE = 50_000
const PORTS_PER_NODE = 10

/** Sets the stage; every node is switched off. */
export function createScene(options: SceneOptions): Scene {
  const {facts, mutant, seed} = options
  const clock = createClock(randomOf(seed, STREAM.ties))
  const network = createNetwork(
    {
      clock,
      randomOfLink: (link) => randomOfPart(seed, 'link', link),
      delayMs: options.delayMs,
      lossRatio: options.lossRatio,
      duplicateRatio: options.duplicateRatio,
      encodeOneIn: options.encodeOneIn,
      alterAnswer: alterBy(mutant, () => processes),
    },
    {
      host: (node) => processes[node]?.host() ?? 'off',
      run: (node) => processes[node]?.run() ?? 0,
      lost: (node, from) => processes[node]?.connectionLost(from),
      ask: (node, from, request, reply) => processes[node]?.peerAsked(from, request, reply),
    },
  )
  const placeOf = (port: number): number => {
    const index = Math.floor((port - PORT_BASE) / PORTS_PER_NODE)
    return index >= 0 && index < facts.length ? index : -1
  }
  const processes: readonly SimProcess[] = facts.map((fact, index) =>
    createProcess({
      index,
      facts: fact,
      clock,
      disk: createDisk({
        clock,
        random: randomOfPart(seed, 'disk', index),
        latencyMs: options.diskMs,
        onPlatter: mutant?.onPlatter,
      }),
      random: randomOfPart(seed, 'process', index),
      atBoundary: options.atBoundary,
      tickMs: options.tickMs,
      network: () => network,
      placeOf,
      idOf: (at) => facts[at]?.self.id ?? ('nobody-0' as NodeId),
      mutant,
      witness: options.witness,
      onExit: options.onExit,
    }),
  )
  return {clock, network, processes, placeOf}
}

function alterBy(mutant: Mutant | undefined, processes: () => readonly SimProcess[]) {
  return (answer: PeerAnswer, from: number, to: number): PeerAnswer => {
    const [asker, answerer] = [processes()[to], processes()[from]]
    if (mutant?.alterAnswer === undefined || asker === undefined || answerer === undefined) {
      return answer
    }
    return mutant.alterAnswer(answer, {asker, answerer})
  }
}

/** What the nodes of a scene are started with; the first proxy may form the cluster. */
export function sceneFacts(
  proxies: number,
  targets: number,
  more: {
    /** So many of the proxies, the last ones, may never lead. */
    readonly nonElectable?: number
    readonly foundingConfig?: JsonObject
  } = {},
): readonly BootFacts[] {
  const electable = proxies - (more.nonElectable ?? 0)
  const indexes = Array.from({length: proxies + targets}, (_, index) => index)
  const peers = indexes.map((index) => scenePlace(index, 1))
  return indexes.map((index) => {
    const role = index < proxies ? ('proxy' as const) : ('target' as const)
    return {
      self: {
        id: `${role}-${String(index).padStart(2, '0')}` as NodeId,
        role,
        public: scenePlace(index, 0),
        control: scenePlace(index, 1),
        data: scenePlace(index, 2),
        nonElectable: index >= electable && index < proxies,
        speaks: [1, 1] as const,
      },
      uuid: SIM_UUID,
      bootstrap: index === 0,
      peers,
      askFirst: [],
      primaryHint: {id: null, isPrimary: null},
      standby: false,
      foundingConfig: more.foundingConfig ?? {},
    }
  })
}

/** A node's listener: 0 public, 1 control, 2 data. */
export function scenePlace(index: number, listener: number): Endpoint {
  return {host: '127.0.0.1', port: PORT_BASE + index * PORTS_PER_NODE + listener}
}
