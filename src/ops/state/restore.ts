/**
 * `aisctl cluster restore`: first looks what the hosts keep and says what would change; then gives
 * one gateway the record and lets it lead by a forced recovery (R17). All others join it, with a
 * new incarnation where they have forgotten theirs; data stays where it lies.
 */

import {setTimeout as sleep} from 'node:timers/promises'
import {existsSync, readFileSync, writeFileSync} from 'node:fs'
import {AisError} from '../../base/errors.ts'
import {openCluster} from '../../client/cluster.ts'
import {rememberCluster} from '../../client/known-clusters.ts'
import {recover} from '../../client/recover.ts'
import {gatherRecovery} from '../../client/recovery-picture.ts'
import {planRecovery} from '../../client/recovery-plan.ts'
import {isRefusal} from '../../model/ids.ts'
import {publicUrl} from '../cluster/ask.ts'
import {waitForHealth, type ClusterHealth} from '../cluster/health.ts'
import {knownAs} from '../deploy/open.ts'
import {openFleet, type Fleet} from '../fleet.ts'
import {CLUSTER_KEY} from '../host/manifest.ts'
import {controlUnit} from '../node/unit.ts'
import type {Plan, Step, StepContext} from '../plan/plan.ts'
import {hasClusterKey, keepClusterKey, keepUuid, readSite, siteOf, writeSite} from '../site/site.ts'
import type {Site} from '../site/site.ts'
import {topologyFileText} from '../topology/file-text.ts'
import type {TopologyNode} from '../topology/resolve.ts'
import {openSecrets, parseBackup, type Backup} from './backup-file.ts'
import {readPassphrase} from './backup.ts'
import {judgeRestore, type RestoreVerdict} from './judge-restore.ts'
import {putNodeRecord} from './node-record.ts'
import {newSurvey, surveySteps, type Survey} from './survey-cluster.ts'

const HOSTS_PARALLEL = 16
/** How often a node that starts is asked. */
const POLL_MS = 250

export interface RestoreOptions {
  readonly file: string
  readonly passphraseFile?: string
  /** Hosts that are gone for good. */
  readonly lost: readonly string[]
  readonly timeoutMs: number
  readonly acceptNew: boolean
  readonly askSecret: (question: string) => Promise<string>
}

/** What the backup holds against what the hosts keep. */
export interface RestoreView {
  readonly backup: Backup
  readonly verdict: RestoreVerdict
  readonly survey: Survey
}

export interface Restore {
  readonly backup: Backup
  /** Asks every host; changes nothing. */
  readonly look: Plan
  /** @throws AisError when it may not be done; call it when `look` has run */
  judge(): RestoreView
  /** What changes the cluster. */
  act(view: RestoreView): Plan
  close(): Promise<void>
}

/** Reads the file, and keeps here what this machine does not know of the cluster. */
export function openRestore(options: RestoreOptions): Restore {
  const backup = parseBackup(readText(options.file), options.file)
  const {cluster} = backup.state.topology
  const passphrase = readPassphrase(options.passphraseFile)
  const secrets =
    passphrase === undefined || backup.secrets === undefined
      ? {}
      : openSecrets(backup.secrets, passphrase, cluster.uuid)
  const site = siteOf(cluster.name)
  refuseOtherSite(site, backup)
  const {acceptNew, askSecret} = options
  const fleet = openFleet(backup.state.topology, {site, acceptNew, askSecret})
  const survey = newSurvey()
  return {
    backup,
    look: {
      title: `look at the hosts of ${cluster.name}`,
      steps: surveySteps(fleet, survey, Date.now),
      parallel: HOSTS_PARALLEL,
    },
    judge: () => ({backup, survey, verdict: judgeRestore(backup, survey, options.lost)}),
    act: (view) => actPlan({fleet, site, view, secrets, timeoutMs: options.timeoutMs}),
    close: () => fleet.close(),
  }
}

interface Act {
  readonly fleet: Fleet
  readonly site: Site
  readonly view: RestoreView
  readonly secrets: Readonly<Record<string, string>>
  readonly timeoutMs: number
}

function actPlan(act: Act): Plan {
  const {leader, record} = act.view.verdict
  const {host, instance} = leader
  const keep: Step = {
    id: 'site/keep',
    title: 'keep topology, uuid and key on this machine',
    preview: () => [act.site.directory],
    run: () => Promise.resolve(keepSite(act)),
  }
  const empty = withoutRecord(act.view)
  const stop: Step = {
    id: 'cluster/stop',
    title: 'stop the nodes that keep no record',
    after: [keep.id],
    // A recovery is refused while one of those that it gives up answers.
    skip: () => Promise.resolve(empty.length === 0 ? 'all others keep one' : null),
    preview: () => empty.map((node) => `stop aisnode@${node.instance} on ${node.host}`),
    run: async () => {
      for (const node of empty) await controlUnit(act.fleet, node, 'stop', 'restore-empty')
    },
  }
  const put: Step = {
    id: `${host}/record`,
    title: `give ${leader.id} the record ${record.epoch}.${record.index}`,
    host,
    after: [stop.id],
    preview: () => [`stop aisnode@${instance}, store the record, start it`],
    run: async () => {
      await controlUnit(act.fleet, leader, 'stop')
      const mark = await putNodeRecord(act.fleet.host(host), leader, record)
      await controlUnit(act.fleet, leader, 'start', 'restore')
      return mark
    },
  }
  const lead: Step = {
    id: 'cluster/recover',
    title: `let ${leader.id} lead`,
    after: [put.id],
    preview: () => ['a forced recovery: nodes without a record leave the vote and join anew'],
    run: (context) => letLead(act, context),
  }
  const {name} = act.view.backup.state.topology.cluster
  return {
    title: `restore ${name}`,
    steps: [keep, stop, put, lead, ...endSteps(act, lead)],
    parallel: 1,
  }
}

/** Everybody joins who can. */
function endSteps(act: Act, lead: Step): Step[] {
  const others = act.view.survey.words.flatMap(({host: name}) =>
    act.view.backup.state.topology.hosts.filter((one) => one.name === name),
  )
  const start: Step = {
    id: 'cluster/start',
    title: 'start what is off',
    after: [lead.id],
    preview: () => ['every unit of the topology, on hosts that answer'],
    run: async () => {
      for (const node of others.flatMap(({nodes}) => nodes)) {
        await controlUnit(act.fleet, node, 'start', 'restore-all')
      }
    },
  }
  const wait: Step = {
    id: 'cluster/wait',
    title: 'wait until the cluster is well',
    after: [start.id],
    preview: () => ['every node that answers is a member again'],
    run: (context): Promise<ClusterHealth> => {
      const {topology} = act.view.backup.state
      return waitForHealth(topology, {
        timeoutMs: act.timeoutMs,
        nodes: others.flatMap(({nodes}) => nodes),
        signal: context.signal,
        report: (text, ratio) => context.report({text, ratio}),
      })
    },
  }
  return [start, wait]
}

/** Nodes that could be asked, keep none and are not to lead: they join anew. */
function withoutRecord({survey, verdict}: RestoreView): TopologyNode[] {
  return survey.kept
    .filter(({node, record}) => record === null && node.id !== verdict.leader.id)
    .map(({node}) => node)
}

/** What this machine knows already stays: it may be newer than the backup. */
function keepSite({site, view, secrets}: Act): void {
  const {state} = view.backup
  keepUuid(site, state.topology.cluster.uuid)
  const key = secrets[CLUSTER_KEY]
  if (key !== undefined && !hasClusterKey(site)) keepClusterKey(site, key)
  if (readSite(site) === undefined) writeSite(site, state)
  rememberCluster(knownAs(state.topology, site))
}

/** It has no majority behind it: an operator's order stands for that (R17). */
async function letLead({view, timeoutMs}: Act, {signal, report}: StepContext): Promise<unknown> {
  const {leader} = view.verdict
  const {topology} = view.backup.state
  const {uuid} = topology.cluster
  const client = openCluster({endpoints: [publicUrl(topology, leader)], signal})
  const untilMs = performance.now() + timeoutMs
  for (;;) {
    const why = await tryToLead()
    if (why === undefined) return {primary: leader.id}
    if (performance.now() > untilMs) throw why
    await sleep(POLL_MS, undefined, {signal})
  }

  /** Undefined when it leads; else why not yet. */
  async function tryToLead(): Promise<AisError | undefined> {
    try {
      const picture = await gatherRecovery(client, uuid)
      const own = picture.nodes.find(({member}) => member.id === leader.id)
      if ((own?.answer?.leads ?? 0) > 0) return undefined
      const plan = planRecovery(picture, [])
      if (isRefusal(plan)) return new AisError(plan)
      await recover(client, plan, {timeoutMs, onProgress: (text) => report({text})})
      return undefined
    } catch (error) {
      // It is just starting, or not all of those that are to vote answer yet.
      if (error instanceof AisError && error.code !== 'INTERRUPTED') return error
      throw error
    }
  }
}

/** The topology of a backup as a file of the operator's. Never over one that is there. */
export function writeTopology({state}: Backup, file: string): boolean {
  if (existsSync(file)) return false
  const comment = `Written by aisctl cluster restore, from generation ${state.generation}.`
  writeFileSync(file, topologyFileText(state.topology, comment), {flag: 'wx', flush: true})
  return true
}

function refuseOtherSite(site: Site, {state}: Backup): void {
  const here = readSite(site)?.topology.cluster.uuid
  const {name, uuid} = state.topology.cluster
  if (here === undefined || here === uuid) return
  throw new AisError({
    code: 'WRONG_CLUSTER',
    message: `this machine keeps another cluster called ${name}: uuid ${here} here, ${uuid} in the backup; nothing was changed`,
    hint: `move ${site.directory} away if that cluster is no more`,
  })
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const {code} = cause as NodeJS.ErrnoException
    if (code === undefined) throw cause
    throw new AisError({code: 'NOT_FOUND', message: `cannot read ${file}: ${code}`}, cause)
  }
}
