/** This node as `what=` answers, health and metrics describe it. */

import {setting} from '../../model/config/config.ts'
import {encodeSnap} from '../../wire/job.ts'
import type {NodeFacts} from '../../wire/node-status.ts'
import {STATE_FLAG, stateFlags} from '../../wire/state-flags.ts'
import {selfMember} from '../config/load.ts'
import {systemFacts} from '../observe/process.ts'
import {totalOf} from '../observe/stats.ts'
import {RELEASE} from '../version.ts'
import {measureMountpaths, mountpathProblem} from './capacity.ts'
import type {NodeContext} from './context.ts'
import {jobOf} from './operation.ts'

export async function nodeFacts(context: NodeContext): Promise<NodeFacts> {
  const states = context.mountpaths()
  return {
    view: context.view(),
    self: selfMember(context.config, context.id),
    build: RELEASE,
    tracker: await trackerOf(context),
    mountpaths: await measureMountpaths(states),
    mountpathProblem: mountpathProblem(states),
    system: systemFacts(),
    ...(await lastRebalance(context)),
    moreFlags: stateOf(context),
  }
}

/** This target's part in the rebalance that goes on, or was the last that it has seen. */
async function lastRebalance(context: NodeContext): Promise<Pick<NodeFacts, 'rebalance'>> {
  if (context.role !== 'target') return {}
  const {nodes, rebalances} = await context.movement()
  const note = rebalances.at(-1)
  if (note === undefined) return {}
  const own = note.nodes.find(({id}) => id === context.id)
  const text = note.endedMs === null ? (nodes.find(({id}) => id === context.id)?.state ?? '') : ''
  return {rebalance: encodeSnap(jobOf(note), {...(own ?? NOTHING_DONE), text})}
}

const NOTHING_DONE = {objects: 0, bytes: 0, inObjects: 0, inBytes: 0, problem: ''}

/** State bits that the view cannot know. */
export function stateOf(context: NodeContext): number {
  const {mountpaths, mountpathControl} = context
  const damaged = context.health().damaged > 0
  const faulty = damaged || mountpaths().some(({fault}) => fault === true)
  const resilvers = mountpathControl?.resilver()?.endedMs === null
  const disks = (faulty ? STATE_FLAG.diskFault : 0) | (resilvers ? STATE_FLAG.resilvering : 0)
  return disks | roomFlags(context)
}

/** By the watermarks: no room for new objects; or little is left. */
function roomFlags({health, view}: NodeContext): number {
  const set = view().record?.conf.set ?? {}
  const {fullestPercent} = health()
  const none = fullestPercent >= setting(set, 'space.out_of_space')
  const little = none || fullestPercent >= setting(set, 'space.highwm')
  return (none ? STATE_FLAG.outOfSpace : 0) | (little ? STATE_FLAG.lowCapacity : 0)
}

/** Statistics over all buckets by AIStore's names. */
async function trackerOf(context: NodeContext): Promise<Readonly<Record<string, number>>> {
  const {counters} = await context.allStats()
  const totals = Object.keys(counters).map((name) => [name, totalOf(counters, name)] as const)
  return {
    ...Object.fromEntries(totals),
    'state.flags': stateFlags(context.view()) | stateOf(context),
    'up.ns.time': uptimeNs(context),
  }
}

/** Since the process started, ns. */
export function uptimeNs(context: NodeContext): number {
  return Number(process.hrtime.bigint() - context.startedNs)
}

/** Since the node first saw the cluster started, ns; 0 before. */
export function clusterUptimeNs(context: NodeContext): number {
  const since = context.clusterStartedNs()
  return since === 0n ? 0 : Number(process.hrtime.bigint() - since)
}
