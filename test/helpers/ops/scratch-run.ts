/**
 * A run on scratch hosts: each is brought to its manifest, one unit is restarted, the cluster is
 * waited for. As a program it performs one, until it has ended or is killed: `scratch-run.ts
 * DIRECTORY`.
 */

import {appendFileSync} from 'node:fs'
import {join} from 'node:path'
import {defined} from '../../../src/base/assert.ts'
import type {Host} from '../../../src/ops/host/host.ts'
import type {Manifest} from '../../../src/ops/host/manifest.ts'
import {controlUnit} from '../../../src/ops/node/unit.ts'
import type {Plan, Step} from '../../../src/ops/plan/plan.ts'
import {runPlan, type PlanOutcome} from '../../../src/ops/plan/run.ts'
import {journaled, type RunSpec} from '../../../src/ops/run/journaled.ts'
import {nodesOf, type Topology} from '../../../src/ops/topology/resolve.ts'
import {BUNDLE_TEXT, manifestFor, RUNTIME_TEXT} from './sample-topology.ts'
import {scratchFleet, type ScratchFleet} from './scratch-fleet.ts'
import {forThisUser} from './scratch-host.ts'

/** The hosts of a fleet. */
export function hostsOf(fleet: ScratchFleet): Host[] {
  return fleet.topology.hosts.map(({name}) => fleet.host(name))
}

export interface ScratchRun {
  readonly outcome: PlanOutcome
  readonly debtLine: string | undefined
}

/** Performs it, by another run's id when it `resumes`. */
export async function performRun(
  fleet: ScratchFleet,
  more: Partial<RunSpec> = {},
  plan: Plan = planOver(fleet),
): Promise<ScratchRun> {
  const intent = {verb: 'deploy', nodes: [], options: {}}
  const run = journaled(plan, {fleet, intent, ...more})
  const outcome = await runPlan(run.plan)
  await run.close()
  return {outcome, debtLine: run.debtLine()}
}

/** What is on the hosts, but for what runs tell of themselves. */
export function endState(fleet: ScratchFleet): unknown {
  return [...fleet.scratch].map(([name, host]) => ({
    name,
    active: host.units().active,
    enabled: host.units().enabled,
    tree: Object.entries(host.tree()).filter(
      ([path]) => !/^\/(run|var\/lib\/aisctl\/(runs|debts|audit))/.test(path),
    ),
  }))
}

/** How often the unit of the plan was restarted. */
export function restartsOf(fleet: ScratchFleet): number {
  const {log} = fleet.at('h1').units()
  return log.filter((line) => line.startsWith('stop') && line.includes('proxy')).length
}

function planOver(fleet: ScratchFleet): Plan {
  const payload = [RUNTIME_TEXT, BUNDLE_TEXT]
  const on = (
    host: string,
    verb: string,
    run: Step['run'],
    after: readonly string[] = [],
  ): Step => {
    return {id: `${host}/${verb}`, title: verb, host, after, preview: () => [], run}
  }
  const installs = fleet.topology.hosts.map(({name}) =>
    on(name, 'install', () => {
      const manifest = manifestOf(fleet.topology, name)
      return fleet.at(name).apply(manifest, payload, 'apply', fleet.host(name))
    }),
  )
  const node = defined(nodesOf(fleet.topology)[0], 'a topology has nodes')
  const restart = on(
    'h1',
    'restart',
    () => controlUnit(fleet, node, 'restart'),
    installs.map(({id}) => id),
  )
  const wait: Step = {
    id: 'cluster/wait',
    title: 'wait',
    after: [restart.id],
    preview: () => [],
    run: () => Promise.resolve(),
  }
  return {title: 'deploy', steps: [...installs, restart, wait], parallel: 2}
}

function manifestOf(topology: Topology, host: string): Manifest {
  return forThisUser(manifestFor({topology, host}))
}

const [program, directory] = process.argv.slice(1)
if (program === import.meta.filename && directory !== undefined) {
  const {outcome} = await performRun(scratchFleet(directory))
  appendFileSync(join(directory, 'outcome'), `${outcome.failed.join(' ')}\n`)
}
