/**
 * `aisctl check`: asks every host and judges the answers, the ways between the hosts included.
 * Changes nothing. A host that cannot be reached is a finding like any other, and does not keep the
 * others from being looked at.
 */

import {AisError} from '../../base/errors.ts'
import type {Fleet} from '../fleet.ts'
import {readFacts, type HostFacts} from '../host/facts.ts'
import {knownArchitectures} from '../payload/runtime.ts'
import type {Plan, Step} from '../plan/plan.ts'
import {parseSavedState, type SavedState} from '../site/site.ts'
import {questionFor} from '../deploy/questions.ts'
import type {HostSurvey} from '../survey/host-survey.ts'
import {surveyHost, surveyLines} from '../survey/survey.ts'
import type {TopologyHost} from '../topology/resolve.ts'
import {findProblems, type Finding} from './findings.ts'
import {kernelFindings, KERNEL_KEYS} from './kernel.ts'
import {pathFindings} from './paths.ts'
import {serviceFindings} from './services.ts'
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
  /** Services that keep its clock. */
  readonly clockKeepers: readonly string[]
  readonly firewalls: readonly string[]
}

/** A check at work: what has been heard so far. */
export interface Check {
  readonly plan: Plan
  readonly surveys: ReadonlyMap<string, HostSurvey>
  result(): CheckResult
}

/** Two steps per host, one exec each; `result` judges what has been heard. */
export function planCheck(fleet: Fleet, now: () => number): Check {
  const heard: Heard = {facts: new Map(), surveys: new Map(), lost: new Map(), now}
  const steps = fleet.topology.hosts.flatMap((host) => [
    askStep(fleet, host, heard),
    lookStep(fleet, host, heard),
  ])
  const title = `check ${fleet.topology.hosts.length} hosts of ${fleet.topology.cluster.name}`
  return {
    plan: {title, steps, parallel: HOSTS_PARALLEL},
    surveys: heard.surveys,
    result: () => resultOf(fleet, heard),
  }
}

interface Heard {
  readonly facts: Map<string, HostFacts>
  readonly surveys: Map<string, HostSurvey>
  /** By host: why it was not looked at. */
  readonly lost: Map<string, Finding>
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
        lost.delete(host.name)
      } catch (error) {
        if (!(error instanceof AisError)) throw error
        lost.set(host.name, unreachable(host.name, error))
      }
    },
  }
}

function lookStep(fleet: Fleet, host: TopologyHost, {facts, surveys, lost, now}: Heard): Step {
  return {
    id: `${host.name}/survey`,
    title: 'look at disks, kernel and the ways to other hosts',
    host: host.name,
    after: [`${host.name}/ask`],
    skip: () => Promise.resolve(facts.has(host.name) ? null : 'it was not reached'),
    preview: () => ['read its settings; try its ways to the other hosts'],
    run: async () => {
      try {
        const question = {nodes: false, sysctls: KERNEL_KEYS, services: true}
        const lines = surveyLines(fleet.topology, host, question)
        surveys.set(host.name, await surveyHost(fleet.host(host.name), lines, now))
      } catch (error) {
        if (!(error instanceof AisError)) throw error
        lost.set(host.name, unreachable(host.name, error))
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

function resultOf(fleet: Fleet, {facts, surveys, lost}: Heard): CheckResult {
  const {topology} = fleet
  const saved = new Map<string, SavedState>()
  for (const [name, {savedState}] of facts) {
    if (savedState !== undefined) saved.set(name, parseSavedState(savedState, name))
  }
  const architectures = knownArchitectures()
  const looked = topology.hosts.flatMap((host) => {
    const survey = surveys.get(host.name)
    if (survey === undefined) return []
    return [...serviceFindings(host, survey), ...kernelFindings(host.name, survey)]
  })
  return {
    findings: [
      ...lost.values(),
      ...findProblems({topology, facts, saved, architectures}),
      ...pathFindings(surveys),
      ...looked,
      ...survivalFindings(topology),
    ],
    hosts: topology.hosts.flatMap(({name}) => {
      const fact = facts.get(name)
      return fact === undefined ? [] : [checkedHost(name, fact, surveys.get(name))]
    }),
  }
}

function checkedHost(name: string, fact: HostFacts, survey: HostSurvey | undefined): CheckedHost {
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
    clockKeepers: survey?.keepers ?? [],
    firewalls: survey?.firewalls ?? [],
  }
}
