/**
 * `aisctl check`: asks every host and judges the answers. Changes nothing. A host that cannot be
 * reached is a finding like any other, and does not keep the others from being looked at.
 */

import {AisError} from '../../base/errors.ts'
import type {Fleet} from '../fleet.ts'
import {readFacts, type HostFacts} from '../host/facts.ts'
import {knownArchitectures} from '../payload/runtime.ts'
import type {Plan, Step} from '../plan/plan.ts'
import {parseSavedState, type SavedState} from '../site/site.ts'
import {questionFor} from '../deploy/questions.ts'
import type {TopologyHost} from '../topology/resolve.ts'
import {findProblems, type Finding} from './findings.ts'
import {survivalFindings} from './survival.ts'

/** Hosts asked at once. */
const HOSTS_PARALLEL = 16

export interface CheckResult {
  readonly findings: readonly Finding[]
  readonly hosts: readonly CheckedHost[]
}

/** What a person sees of a host that was reached. */
export interface CheckedHost {
  readonly name: string
  readonly os: string
  readonly arch: string
  readonly cpus: number
  readonly memoryBytes: number
  readonly systemd: number
  readonly container: string
  /** The host's clock minus ours; known to within `clockUncertaintyMs`. */
  readonly clockOffsetMs: number
  readonly clockUncertaintyMs: number
}

/** One step per host; `result` judges what has been heard. */
export function planCheck(
  fleet: Fleet,
  now: () => number,
): {readonly plan: Plan; result(): CheckResult} {
  const facts = new Map<string, HostFacts>()
  const lost: Finding[] = []
  const steps = fleet.topology.hosts.map((host) => askStep(fleet, host, {facts, lost, now}))
  const title = `check ${fleet.topology.hosts.length} hosts of ${fleet.topology.cluster.name}`
  return {
    plan: {title, steps, parallel: HOSTS_PARALLEL},
    result: () => resultOf(fleet, facts, lost),
  }
}

interface Heard {
  readonly facts: Map<string, HostFacts>
  readonly lost: Finding[]
  readonly now: () => number
}

function askStep(fleet: Fleet, host: TopologyHost, {facts, lost, now}: Heard): Step {
  return {
    id: `${host.name}/ask`,
    title: 'connect and look',
    host: host.name,
    preview: () => [`ssh to ${host.address}`],
    run: async () => {
      try {
        const question = questionFor(host, [], undefined)
        facts.set(host.name, await readFacts(fleet.host(host.name), question, now))
      } catch (error) {
        if (!(error instanceof AisError)) throw error
        lost.push(unreachable(host.name, error))
      }
    },
  }
}

function unreachable(host: string, error: AisError): Finding {
  return {
    id: error.code.toLowerCase().replaceAll('_', '-'),
    severity: 'error',
    host,
    what: error.message.replace(`${host}: `, ''),
    why: 'a deploy begins only when every host can be reached and changed',
    fix: error.hint ?? 'see to it that ssh reaches it',
  }
}

function resultOf(
  fleet: Fleet,
  facts: ReadonlyMap<string, HostFacts>,
  lost: readonly Finding[],
): CheckResult {
  const saved = new Map<string, SavedState>()
  for (const [name, {savedState}] of facts) {
    if (savedState !== undefined) saved.set(name, parseSavedState(savedState, name))
  }
  const architectures = knownArchitectures()
  const found = findProblems({topology: fleet.topology, facts, saved, architectures})
  return {
    findings: [...lost, ...found, ...survivalFindings(fleet.topology)],
    hosts: fleet.topology.hosts.flatMap(({name}) => {
      const fact = facts.get(name)
      return fact === undefined ? [] : [checkedHost(name, fact)]
    }),
  }
}

function checkedHost(name: string, fact: HostFacts): CheckedHost {
  return {
    name,
    os: fact.os,
    arch: fact.arch,
    cpus: fact.cpus,
    memoryBytes: fact.memoryBytes,
    systemd: fact.systemd,
    container: fact.container,
    clockOffsetMs: fact.clock.offsetMs,
    clockUncertaintyMs: fact.clock.uncertaintyMs,
  }
}
