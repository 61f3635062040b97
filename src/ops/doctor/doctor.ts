/**
 * `aisctl doctor`: one exec per host and a question to the cluster, then a diagnosis. Changes
 * nothing. Nodes that are named limit what is told, not what is looked at: a cause may lie with
 * another host.
 */

import {AisError} from '../../base/errors.ts'
import {openCluster} from '../../client/cluster.ts'
import {gatherOverview} from '../../client/overview.ts'
import {publicUrl, readHealth, type ClusterHealth} from '../cluster/health.ts'
import type {Fleet} from '../fleet.ts'
import type {Plan, Step} from '../plan/plan.ts'
import type {HostSurvey} from '../survey/host-survey.ts'
import {surveyHost, surveyLines} from '../survey/survey.ts'
import {nodesOf, type Topology} from '../topology/resolve.ts'
import type {TopologyHost, TopologyNode} from '../topology/resolve.ts'
import type {Cause} from './cause.ts'
import {diagnose} from './diagnose.ts'

const HOSTS_PARALLEL = 16
/** A cluster that is ill may not answer at all, and that is told by other means. */
const ASK_TIMEOUT_MS = 8000

export interface Diagnosis {
  readonly causes: readonly Cause[]
  readonly hosts: number
  readonly nodes: number
}

/** @param nodes that are asked about; empty: all */
export function planDoctor(
  fleet: Fleet,
  nodes: readonly TopologyNode[],
  now: () => number,
): {readonly plan: Plan; result(): Diagnosis} {
  const heard: Heard = {
    surveys: new Map(),
    lost: new Map(),
    health: undefined,
    complaints: new Map(),
  }
  const steps = fleet.topology.hosts.map((host) => lookStep(fleet, host, heard, now))
  return {
    plan: {
      title: `look at ${fleet.topology.hosts.length} hosts of ${fleet.topology.cluster.name}`,
      steps: [...steps, healthStep(fleet, heard)],
      parallel: HOSTS_PARALLEL,
    },
    result: () => resultOf(fleet, nodes, heard),
  }
}

interface Heard {
  readonly surveys: Map<string, HostSurvey>
  readonly lost: Map<string, AisError>
  health: ClusterHealth | undefined
  complaints: ReadonlyMap<string, string>
}

function lookStep(fleet: Fleet, host: TopologyHost, heard: Heard, now: () => number): Step {
  return {
    id: `${host.name}/survey`,
    title: 'look at nodes, disks and the ways to other hosts',
    host: host.name,
    preview: () => [`ssh to ${host.address}`],
    run: async () => {
      try {
        const lines = surveyLines(fleet.topology, host, {nodes: true, sysctls: [], services: false})
        heard.surveys.set(host.name, await surveyHost(fleet.host(host.name), lines, now))
      } catch (error) {
        if (!(error instanceof AisError)) throw error
        heard.lost.set(host.name, error)
      }
    },
  }
}

function healthStep(fleet: Fleet, heard: Heard): Step {
  return {
    id: 'cluster/ask',
    title: 'ask the cluster',
    preview: () => ['GET the map and every node’s health'],
    run: async () => {
      const [health, complaints] = await Promise.all([
        readHealth(fleet.topology),
        readComplaints(fleet.topology),
      ])
      Object.assign(heard, {health, complaints})
    },
  }
}

/** What targets say of their mountpaths; nothing when nobody answers for the cluster. */
async function readComplaints(topology: Topology): Promise<ReadonlyMap<string, string>> {
  const gateways = nodesOf(topology).filter(({role}) => role === 'proxy')
  const endpoints = gateways.map((node) => publicUrl(topology, node))
  try {
    const client = openCluster({endpoints, signal: AbortSignal.timeout(ASK_TIMEOUT_MS)})
    const {nodes} = await gatherOverview(client, {role: 'target'})
    return new Map(nodes.map(({member, facts}) => [member.id, facts?.capacity.problem ?? '']))
  } catch (error) {
    if (!(error instanceof AisError)) throw error
    return new Map()
  }
}

function resultOf({topology}: Fleet, nodes: readonly TopologyNode[], heard: Heard): Diagnosis {
  const {surveys, lost, complaints, health = {ok: true, nodes: []}} = heard
  const causes = diagnose({topology, surveys, lost, health, complaints})
  const places = nodes.map(({host, instance}) => `${host}/${instance}`)
  const hosts = nodes.map(({host}) => host)
  return {
    causes: causes.filter(
      ({node, host}) =>
        nodes.length === 0 || (node === undefined ? hosts.includes(host) : places.includes(node)),
    ),
    hosts: topology.hosts.length,
    nodes: topology.hosts.flatMap((host) => host.nodes).length,
  }
}
