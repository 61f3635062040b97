/**
 * What all hosts of a topology keep: state, key, records of their nodes, head of the audit. Read by
 * backup and restore; changes nothing.
 */

import {AisError} from '../../base/errors.ts'
import type {Fleet} from '../fleet.ts'
import type {Step} from '../plan/plan.ts'
import {readHostState} from '../run/read-state.ts'
import {type TopologyHost} from '../topology/resolve.ts'
import type {BackedRecord} from './backup-file.ts'
import type {HostWord} from './agree.ts'
import {hear, silenceOf} from './hear.ts'
import {readNodeRecord, type KeptRecord} from './node-record.ts'

/** As much as was heard. */
export interface Survey {
  readonly words: HostWord[]
  readonly kept: KeptRecord[]
  /** Nodes whose program is not there. */
  readonly bare: string[]
  readonly auditHeads: Record<string, string>
  /** Hosts that could not be asked, and why. */
  readonly silent: Map<string, string>
}

export function newSurvey(): Survey {
  return {words: [], kept: [], bare: [], auditHeads: {}, silent: new Map()}
}

/** One step for each host that fills the survey; a host that cannot be asked fails none. */
export function surveySteps(fleet: Fleet, survey: Survey, now: () => number): Step[] {
  return fleet.topology.hosts.map((host) => ({
    id: `${host.name}/ask`,
    title: 'read what it keeps',
    host: host.name,
    preview: () => [
      `ssh to ${host.address}: /var/lib/aisctl and the records of its nodes, as root`,
    ],
    run: async () => {
      try {
        await ask(fleet, host, survey, now)
      } catch (error) {
        survey.silent.set(host.name, silenceOf(error).message)
      }
    },
  }))
}

async function ask(
  fleet: Fleet,
  {name, nodes}: TopologyHost,
  survey: Survey,
  now: () => number,
): Promise<void> {
  const host = fleet.host(name)
  const word = await hear(host, {given: false, now})
  const {auditHead} = await readHostState(host)
  for (const node of nodes) {
    try {
      survey.kept.push(await readNodeRecord(host, node))
    } catch (error) {
      if (!(error instanceof AisError) || error.code !== 'HOST_COMMAND') throw error
      survey.bare.push(node.id)
    }
  }
  survey.words.push(word)
  survey.auditHeads[name] = auditHead
}

/** The newest record that a node keeps; undefined when none does. */
export function newestKept(kept: readonly KeptRecord[]): BackedRecord | undefined {
  const records = kept.flatMap(({record}) => record ?? [])
  return records.toSorted((a, b) => b.epoch - a.epoch || b.index - a.index)[0]
}
