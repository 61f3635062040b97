/**
 * What a data worker's handlers share: the newest view, the way to the kernel, the node's own
 * facts.
 */

import type {CommandResult} from '../../core/kernel/events.ts'
import type {OwnRing} from '../../core/objects/ring.ts'
import type {ClusterView} from '../../model/cluster-view.ts'
import type {Command} from '../../model/command.ts'
import type {NodeId} from '../../model/ids.ts'
import type {Endpoint, Role} from '../../model/node.ts'
import type {CopiesShare} from '../../wire/copies-job.ts'
import type {NodeConfig} from '../config/load.ts'
import type {MoveReceiver} from '../move/receive.ts'
import type {TargetObjects} from '../objects/dispatch.ts'
import type {Log} from '../observe/log.ts'
import type {NodeStats, Stats} from '../observe/stats.ts'
import type {AskTarget, ControlQuestion} from '../peer/data-client.ts'
import type {MountpathControl} from '../store/mountpath/mountpath-control.ts'
import type {Movement} from '../runtime/movement.ts'
import type {Standing} from '../runtime/standing.ts'
import type {MountpathState} from './capacity.ts'
import type {AskPublic} from './public-client.ts'

export interface DiskHealth {
  /** Percent in use of the fullest mountpath that serves. */
  readonly fullestPercent: number
  /** Objects with a copy that was found damaged and is not repaired. */
  readonly damaged: number
}

export interface NodeContext {
  readonly id: NodeId
  readonly role: Role
  /** `p[id]` or `t[id]`. */
  readonly label: string
  readonly config: NodeConfig
  readonly view: () => ClusterView
  /** Ownership of the view's record, prepared once per record. */
  readonly ring: () => OwnRing
  /** Puts a command to the kernel; answered after the commit. */
  readonly command: (command: Command) => Promise<CommandResult>
  readonly stats: Stats
  /** What the kernel has promised and accepted, beyond what a view tells. */
  readonly standing: () => Promise<Standing>
  /** How far the rebalance is: at the primary of all targets, at a target its own part. */
  readonly movement: () => Promise<Movement>
  readonly allStats: () => Promise<NodeStats>
  /** hrtime of the process's start, and of when it first saw the cluster started (0: not yet). */
  readonly startedNs: bigint
  readonly clusterStartedNs: () => bigint
  readonly askTarget: AskTarget
  /** On another node's public listener. */
  readonly askPublic: AskPublic
  /** On a node's intra-control listener, authenticated; its answer's body. */
  readonly askControl: (to: Endpoint, question: ControlQuestion) => Promise<string>
  /** Whether this target may acknowledge writes now; always, on a gateway. */
  readonly mayWrite: () => boolean
  /** Null on a gateway. */
  readonly objects: TargetObjects | null
  /** What comes in by a rebalance; null on a gateway. */
  readonly moves: MoveReceiver | null
  readonly mountpaths: () => readonly MountpathState[]
  /** Orders about this target's mountpaths; null on a gateway. */
  readonly mountpathControl: MountpathControl | null
  /** How far this target is with making copies; none on a gateway. */
  readonly copies: () => readonly CopiesShare[]
  /** Of this target's disks; nothing to tell on a gateway. */
  readonly health: () => DiskHealth
  readonly log: Log
}
