/**
 * The kernels' processes, links and system disks on a clock that lets object code come to rest,
 * with an object node beside every target.
 */

import type {NodeId} from '../../../src/model/ids.ts'
import {createDisk, type Disk} from '../world/disk.ts'
import {createNetwork, type Network} from '../world/network.ts'
import {createProcess, type SimProcess, type Witness} from '../world/process.ts'
import {randomOf, STREAM} from '../world/random.ts'
import {sceneFacts, scenePlace} from '../world/scene.ts'
import type {Hashing} from '../../../src/node/store/object/hashing.ts'
import {createRestingClock, type RestingClock} from './clock.ts'
import {createCopies, type Copies} from './copies.ts'
import {createLinks, type Links} from './links.ts'
import type {ObjectMutant} from './mutants.ts'
import {createObjectNode, type ObjectNode} from './node.ts'
import {OBJECT_STREAM, type ObjectWorldOptions} from './options.ts'
import type {Rest} from './rest.ts'

export interface Stage {
  readonly clock: RestingClock
  readonly network: Network
  readonly links: Links
  readonly processes: readonly SimProcess[]
  readonly nodes: readonly ObjectNode[]
  readonly copies: Copies
  /** Index of the process that listens at a port; -1: none. */
  readonly placeOf: (port: number) => number
}

export interface StageDeps {
  readonly options: ObjectWorldOptions
  readonly mutant: ObjectMutant | undefined
  readonly rest: Rest
  readonly hashing: Hashing
  readonly witness: Witness
  readonly onExit: (process: SimProcess) => void
  /** A process has lost its system disk. */
  readonly wiped: (process: SimProcess) => void
  readonly violate: (invariant: string, detail: string) => void
  readonly saw: (name: string) => void
}

/** systemd's RestartSec. */
const RESTART_MS = 2000

export function createStage(deps: StageDeps): Stage {
  const {options, rest} = deps
  const {seed} = options
  const clock = createRestingClock(randomOf(seed, STREAM.ties), rest)
  const facts = sceneFacts(options.proxies, options.targets)
  const diskRandom = randomOf(seed, STREAM.disk)
  const processRandom = randomOf(seed, STREAM.process)
  const placeOf = (port: number): number =>
    facts.findIndex((_, at) => port >= scenePlace(at, 0).port && port <= scenePlace(at, 2).port)
  const networkRandom = randomOf(seed, STREAM.network)
  const network = createNetwork(
    {...options, clock, randomOfLink: () => networkRandom},
    {
      host: (node) => processes[node]?.host() ?? 'off',
      run: (node) => processes[node]?.run() ?? 0,
      lost: (node, from) => processes[node]?.connectionLost(from),
      ask: (node, from, request, reply) => processes[node]?.peerAsked(from, request, reply),
    },
  )
  const processes: readonly SimProcess[] = facts.map((fact, index) =>
    createProcess({
      index,
      facts: fact,
      clock,
      disk: withNode(createDisk({clock, random: diskRandom, latencyMs: options.diskMs}), () =>
        nodes.find(({process}) => process.index === index),
      ),
      random: processRandom,
      network: () => network,
      placeOf,
      idOf: (at) => facts[at]?.self.id ?? ('nobody-0' as NodeId),
      witness: {
        ...deps.witness,
        inUse: (process) => {
          deps.witness.inUse(process)
          nodes.find((node) => node.process === process)?.look()
        },
      },
      onExit: (process, left) => {
        // It has left for good: whoever deploys it anew has emptied its system disk.
        if (left) {
          nodes.find((one) => one.process === process)?.depart()
          process.disk.wipe()
          deps.wiped(process)
        }
        deps.onExit(process)
      },
      decommission: (process, rmUserData, done) => {
        const node = nodes.find((one) => one.process === process)
        if (node === undefined) done()
        else node.decommission(rmUserData, done)
      },
    }),
  )
  const links = createLinks({
    clock,
    random: randomOf(seed, OBJECT_STREAM.links),
    rest,
    network,
    delayMs: options.delayMs,
    lossRatio: options.lossRatio / 4,
    nodeOf: (id) => nodes.find(({process}) => process.facts.self.id === id),
  })
  const {hashing, violate, saw} = deps
  const names = Array.from({length: options.keys}, (_, at) => `key-${at}`)
  const copies = createCopies({
    nodes: () => nodes,
    names,
    hashing,
    most: options.copies,
    violate,
    saw,
  })
  const nodes = createNodes(deps, {processes, links, clock, copies})
  return {clock, network, links, processes, nodes, copies, placeOf}
}

function createNodes(
  deps: StageDeps,
  {processes, links, clock, copies}: Pick<Stage, 'processes' | 'links' | 'clock' | 'copies'>,
): readonly ObjectNode[] {
  const {options, mutant, rest, hashing, saw, violate} = deps
  const random = randomOf(options.seed, OBJECT_STREAM.disks)
  return processes
    .filter((process) => process.facts.self.role === 'target')
    .map((process) =>
      createObjectNode({
        process,
        random,
        rest,
        hashing,
        ask: links.askFrom(process, mutant?.asksNobody === true),
        diskMs: options.diskMs,
        copies: options.copies,
        mutant,
        saw,
        removed: copies.removed,
        leaves: copies.leaves,
        left: copies.left,
        exits: (ending) => {
          ending.kill(false)
          clock.after(RESTART_MS, ending.start)
        },
        violate,
      }),
    )
}

/** A host's system disk: what happens to it happens to the data, or to the state folder. */
function withNode(disk: Disk, nodeOf: () => ObjectNode | undefined): Disk {
  const {crash, wipe} = disk
  return Object.assign(disk, {
    crash: (power: boolean) => {
      crash(power)
      nodeOf()?.crash(power)
    },
    wipe: () => {
      wipe()
      nodeOf()?.loseState()
    },
  })
}
