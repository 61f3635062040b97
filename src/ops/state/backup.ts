/**
 * `aisctl cluster backup`: what the cluster knows of itself in one file: the newest record that a
 * node keeps, the topology of a majority of the hosts, the heads of the audit, and behind a
 * passphrase its secrets. No objects: those have one copy, on their disks.
 */

import {closeSync, existsSync, openSync, readFileSync, renameSync, writeFileSync} from 'node:fs'
import {AisError} from '../../base/errors.ts'
import {openDeployed} from '../deploy/open.ts'
import {openFleet} from '../fleet.ts'
import {CLUSTER_KEY} from '../host/manifest.ts'
import type {LifecycleOptions, LifecyclePlan} from '../lifecycle.ts'
import type {Step} from '../plan/plan.ts'
import {agreeOn} from './agree.ts'
import {backupText, passphraseOf, sealSecrets, type Backup} from './backup-file.ts'
import {readKey} from './hear.ts'
import {newestKept, newSurvey, surveySteps, type Survey} from './survey-cluster.ts'

const HOSTS_PARALLEL = 16

export interface BackupOptions extends LifecycleOptions {
  readonly file: string
  /** Holds the passphrase; absent: no secrets. */
  readonly passphraseFile?: string
  readonly now?: () => number
}

/** @param open how the hosts are reached; tests give another */
export function planBackup(options: BackupOptions, open = openFleet): LifecyclePlan {
  if (existsSync(options.file)) {
    const message = `${options.file} is there already; nothing was written`
    throw new AisError({code: 'REFUSED', message, hint: 'name another file, or move it away'})
  }
  const passphrase = readPassphrase(options.passphraseFile)
  const {topology, site} = openDeployed(options.topologyFile)
  const {acceptNew = false, askSecret} = options
  const fleet = open(topology, {site, acceptNew, ...(askSecret === undefined ? {} : {askSecret})})
  const {now = Date.now} = options
  const survey = newSurvey()
  const asks = surveySteps(fleet, survey, now)
  const {name, uuid} = fleet.topology.cluster
  const write: Step<Backup> = {
    id: 'cluster/write',
    title: `write ${options.file}`,
    after: asks.map(({id}) => id),
    preview: () => [
      `topology, record and audit heads${passphrase === undefined ? '' : ', the cluster key sealed'}`,
    ],
    run: async () => {
      const {state, keySha256, keyHolders} = agreeOn(survey.words)
      const record = newestKept(survey.kept)
      const backup: Backup = {
        format: 1,
        made: new Date(now()).toISOString(),
        state,
        ...(record === undefined ? {} : {record}),
        auditHeads: sorted(survey.auditHeads),
        ...(passphrase === undefined
          ? {}
          : {
              secrets: sealSecrets(
                {[CLUSTER_KEY]: await readKey(fleet.host(keyHolders[0] ?? ''), keySha256)},
                passphrase,
                uuid,
              ),
            }),
      }
      writePrivately(options.file, backupText(backup))
      return backup
    },
  }
  return {
    plan: {title: `back up ${name}`, steps: [...asks, write], parallel: HOSTS_PARALLEL},
    nodes: [],
    question: '',
    destructive: false,
    conclude: (results) => conclude(results.get(write.id) as Backup, survey, options),
    close: () => fleet.close(),
  }
}

/** The passphrase of a file that was named. @throws AisError NOT_FOUND, BAD_REQUEST */
export function readPassphrase(file: string | undefined): string | undefined {
  if (file === undefined) return undefined
  try {
    return passphraseOf(readFileSync(file, 'utf8'), file)
  } catch (cause) {
    const {code} = cause as NodeJS.ErrnoException
    if (cause instanceof AisError || code === undefined) throw cause
    throw new AisError({code: 'NOT_FOUND', message: `cannot read ${file}: ${code}`}, cause)
  }
}

function sorted(heads: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(heads).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** Whole or not at all, and for its owner alone. */
function writePrivately(file: string, text: string): void {
  const next = `${file}.${process.pid}.new`
  closeSync(openSync(next, 'wx', 0o600))
  writeFileSync(next, text, {flush: true})
  renameSync(next, file)
}

function conclude(
  {state, record, secrets}: Backup,
  {silent}: Survey,
  {file}: BackupOptions,
): ReturnType<LifecyclePlan['conclude']> {
  const {cluster} = state.topology
  const what = record === undefined ? 'no record' : `record ${record.epoch}.${record.index}`
  const key = secrets === undefined ? 'no secrets' : 'its key behind the passphrase'
  const without = [...silent].map(([host, why]) => `${host} was not asked: ${why}\n`).join('')
  return {
    line: `${without}${file} holds ${cluster.name} (uuid ${cluster.uuid}): generation ${state.generation}, ${what}, ${key}; no objects. Bring it back: aisctl cluster restore ${file}`,
    json: {
      file,
      cluster: cluster.name,
      uuid: cluster.uuid,
      generation: state.generation,
      record: record === undefined ? null : {epoch: record.epoch, index: record.index},
      secrets: secrets !== undefined,
      silent: [...silent.keys()],
    },
  }
}
