/**
 * `aisctl cluster upgrade`: another release of the daemon on every host, then one node after the
 * other made to run it, the first (canary) looked at longer. When more nodes fail than may, those
 * that were switched go back to what they ran before. Going back stays possible until the way back
 * is closed (finalize).
 */

import {AisError} from '../../base/errors.ts'
import {closing} from '../node/restart.ts'
import {labelOf} from '../cluster/health.ts'
import {
  learnFacts,
  manifestOf,
  missingPayload,
  missingSecrets,
  newDeployment,
  runtimeFor,
  stateToSave,
  type Deployment,
} from '../deploy/deployment.ts'
import {openDeployed} from '../deploy/open.ts'
import {questionFor} from '../deploy/questions.ts'
import {applyManifest, isContentMissing} from '../host/apply.ts'
import {readFacts} from '../host/facts.ts'
import {OPT, releaseName} from '../host/manifest.ts'
import {namesOf, nodesJson, openIntent, runOf, type Intent} from '../lifecycle.ts'
import type {LifecycleOptions, LifecyclePlan} from '../lifecycle.ts'
import type {Payload} from '../payload/payload.ts'
import type {Step, StepContext} from '../plan/plan.ts'
import {look, lookOrRefuse, newRoll, orderOf, type Roll} from '../sequence/roll.ts'
import {sequenceOf, type Sequence} from '../sequence/steps.ts'
import {clusterKey, type Site} from '../site/site.ts'
import type {TopologyHost, TopologyNode} from '../topology/resolve.ts'
import {keepBundle, noteTried, noteUpgraded} from './kept.ts'
import {checkServing} from './serving.ts'
import {switchNode, switchesOf, type Switches} from './switch.ts'

export interface UpgradeOptions extends LifecycleOptions {
  readonly payload: Payload
  readonly maxFailed: number
  readonly ungated: boolean
  /** How long the first node is looked at before the next one. */
  readonly canaryMs: number
}

/** Every other node is looked at for as long. */
const LOOK_MS = 1500

interface Work {
  readonly intent: Intent
  readonly options: UpgradeOptions
  readonly site: Site
  readonly roll: Roll
  readonly deployment: Deployment
  readonly switches: Switches
}

export async function planUpgrade(options: UpgradeOptions): Promise<LifecyclePlan> {
  const {site} = openDeployed(options.topologyFile)
  const intent = await openIntent(options)
  const {fleet} = intent
  const {name} = fleet.topology.cluster
  const roll = newRoll(fleet, options.timeoutMs)
  const picture = await (options.ungated ? look(roll) : lookOrRefuse(roll)).catch(closing(fleet))
  const {payload} = options
  const deployment = newDeployment(fleet.topology, payload, clusterKey(site))
  const work: Work = {intent, options, site, roll, deployment, switches: switchesOf()}
  const nodes = orderOf(roll, intent.nodes, picture.health.primary)
  const sequence = sequenceFor(work, nodes)
  const {version, sha256} = payload.release
  const {maxFailed, ungated, canaryMs} = options
  const whole = options.nodes.length === 0
  const names = whole ? `${name}, ${nodes.length} nodes,` : namesOf(nodes)
  const rest =
    'Back: aisctl cluster upgrade --rollback · close the way back: aisctl cluster upgrade --finalize'
  return {
    plan: {
      title: `upgrade ${whole ? name : names} to ${version}`,
      steps: [askStep(work), stageStep(work), ...sequence.steps, settleStep(work, sequence)],
      parallel: 1,
    },
    run: runOf(intent, whole ? 'cluster upgrade' : 'node upgrade', {
      release: {version, sha256},
      maxFailed,
      ungated,
      canaryMs,
    }),
    nodes: nodes.map(labelOf),
    question: `Upgrade ${names} to ${version}, one after the other?`,
    destructive: true,
    debts: () => (sequence.stopped() ? work.switches.debts : sequence.debts()),
    conclude: () => ({
      line: whole
        ? `${name} runs ${version} on ${sequence.done().length} nodes. ${rest}`
        : `${names} ${nodes.length === 1 ? 'runs' : 'run'} ${version}. The others: aisctl cluster upgrade --release ${version}`,
      json: {...nodesJson(intent), release: {version, sha256}},
    }),
    close: () => fleet.close(),
  }
}

function sequenceFor(work: Work, nodes: readonly TopologyNode[]): Sequence {
  const {roll, options, switches, deployment} = work
  const {version} = deployment.release
  return sequenceOf({
    roll,
    nodes,
    verb: 'upgrade',
    maxFailed: options.maxFailed,
    ungated: options.ungated,
    after: ['cluster/stage'],
    preview: (node) => [
      `run ${version} (systemctl restart aisnode@${node.instance})`,
      ...(node === nodes[0] ? [`look at it for ${Math.round(options.canaryMs / 1000)} s`] : []),
    ],
    act: (node) => switchNode(work.intent.fleet, node, {switches, value: linkOf(work, node)}),
    verify: (node, {signal, canary}) =>
      checkServing(roll.ask, {node, signal, forMs: canary ? options.canaryMs : LOOK_MS}),
  })
}

/** Hosts of the nodes that are meant. */
function hostsOf({fleet, nodes}: Intent): readonly TopologyHost[] {
  return fleet.topology.hosts.filter(({name}) => nodes.some(({host}) => host === name))
}

function askStep({intent, deployment, switches}: Work): Step {
  const {fleet} = intent
  const hosts = hostsOf(intent)
  return {
    id: 'cluster/ask',
    title: `connect to ${hosts.length} hosts and look`,
    preview: () => ['architecture, space, which release each node runs'],
    run: () =>
      Promise.all(
        hosts.map(async (host) => {
          const runtimes = await Promise.all(
            deployment.payload.architectures.map((arch) => runtimeFor(deployment, arch)),
          )
          const question = questionFor(host, runtimes, deployment.release)
          const facts = await readFacts(fleet.host(host.name), question, Date.now)
          learnFacts(deployment, host.name, facts)
          await switches.learn(fleet.host(host.name), host.nodes)
        }),
      ),
  }
}

/** Everything but the links: what runs goes on with what it has. */
function stageStep(work: Work): Step {
  const hosts = hostsOf(work.intent)
  return {
    id: 'cluster/stage',
    title: `bring release ${work.deployment.release.version} to ${hosts.length} hosts`,
    after: ['cluster/ask'],
    preview: () => ['files and Node.js; nothing is restarted'],
    run: (context) => {
      keepBundle(work.site, work.deployment.release)
      return Promise.all(hosts.map((host) => stage(work, host, context)))
    },
  }
}

async function stage(work: Work, host: TopologyHost, {report}: StepContext): Promise<void> {
  const {deployment, options, intent} = work
  const runtime = await runtimeFor(deployment, deployment.facts.get(host.name)?.arch ?? '')
  const before = openDeployed(options.topologyFile).before
  const state = stateToSave(deployment.topology, [before, ...deployment.saved.values()])
  const manifest = manifestOf(deployment, host, runtime, state)
  const links = new Set(host.nodes.map(linkPath))
  const entries = manifest.entries.filter(
    ({type, path}) => type !== 'unit' && !(type === 'link' && links.has(path)),
  )
  const apply = async (all: boolean): Promise<unknown> => {
    const payload = await missingPayload(deployment, host, {runtime, all})
    const bytes = payload.reduce((sum, {length}) => sum + length, 0)
    if (bytes > 0) report({text: `${host.name}: sending ${Math.ceil(bytes / 1e6)} MB`})
    const secrets = missingSecrets(deployment, host)
    const remote = intent.fleet.host(host.name)
    return applyManifest(remote, {host: host.name, entries}, {mode: 'apply', payload, secrets})
  }
  try {
    await apply(false)
  } catch (error) {
    if (!(error instanceof AisError) || !isContentMissing(error)) throw error
    await apply(true)
  }
}

function linkPath({instance}: TopologyNode): string {
  return `${OPT}/${instance}`
}

/** Value of the node's link: the release with the runtime of its host's architecture. */
async function linkOf({deployment}: Work, node: TopologyNode): Promise<string> {
  const runtime = await runtimeFor(deployment, deployment.facts.get(node.host)?.arch ?? '')
  return `release/${releaseName(deployment.release, runtime)}`
}

/** Keeps what is true now, or goes back. */
function settleStep(work: Work, sequence: Sequence): Step {
  const {switches, roll, site, deployment, intent} = work
  return {
    id: 'cluster/settle',
    title: 'keep the release, or go back',
    after: ['cluster/stage'],
    preview: () => [
      `if more than ${work.options.maxFailed} nodes fail: back to what they ran before`,
    ],
    run: async (context) => {
      if (sequence.stopped()) {
        const back = await switches.goBack(roll, context)
        throw new AisError({
          code: 'PARTIAL',
          message: `${sequence.failed().map(labelOf).join(', ')} failed with ${deployment.release.version}; ${back}`,
          hint: 'the release is not taken; see the journal: aisctl logs NODE',
          details: {over: true},
        })
      }
      if (sequence.done().length === 0) return
      // Of some nodes: the others, and a deploy, keep what they have.
      if (intent.options.nodes.length === 0) noteUpgraded(site, deployment.release)
      else noteTried(site, deployment.release)
    },
  }
}
