/**
 * Whether a backup may be brought back, and how: pure, from the file and what the hosts keep. Never
 * over a majority that lives, nor over one that may live where nobody could look.
 */

import {gunzipSync} from 'node:zlib'
import {AisError} from '../../base/errors.ts'
import {nodeLabel} from '../../model/ids.ts'
import {RECORD_BYTES_MAX} from '../../model/limits.ts'
import {isElectable, type Member} from '../../model/node.ts'
import {isQuorum, voterKey, votersOf} from '../../model/quorum.ts'
import type {ClusterRecord} from '../../model/record.ts'
import {decodeRecord} from '../../wire/record.ts'
import {nodesOf, type TopologyNode} from '../topology/resolve.ts'
import {uuidOf} from './agree.ts'
import type {BackedRecord, Backup} from './backup-file.ts'
import {newestKept, type Survey} from './survey-cluster.ts'

export interface RestoreVerdict {
  /** What the new history begins with. */
  readonly record: BackedRecord
  /** Whether it is newer than the backup's, from a node that still keeps it. */
  readonly fromSurvivor: boolean
  /** The gateway that takes it. */
  readonly leader: TopologyNode
  /** Nodes that keep a record, and so stay in the vote. */
  readonly keepers: readonly string[]
  readonly buckets: number
  readonly members: number
}

/**
 * @param lost hosts of which the operator says that they are gone for good
 * @throws AisError WRONG_CLUSTER, NOT_FOUND, REFUSED with the reason
 */
export function judgeRestore(
  backup: Backup,
  survey: Survey,
  lost: readonly string[],
): RestoreVerdict {
  refuseOtherCluster(backup, survey)
  const found = newestKept(survey.kept)
  const {record: saved} = backup
  const record = newer(found, saved)
  if (record === undefined) {
    const message = 'neither the backup nor any node has a record; nothing was changed'
    throw new AisError({code: 'NOT_FOUND', message, hint: 'found the cluster anew: aisctl deploy'})
  }
  const content = recordOf(record)
  const keepers = survey.kept.filter((one) => one.record !== null).map(({node}) => node.id)
  refuseMajority(content, keepers, unasked(backup, survey, lost))
  const leader = leaderOf(content, backup, survey)
  return {
    record,
    fromSurvivor: record !== saved,
    leader,
    keepers,
    buckets: Object.values(content.bmd.buckets).filter(({deletedAt}) => deletedAt === undefined)
      .length,
    members: Object.keys(content.smap.nodes).length,
  }
}

/** The record of a packed text. @throws AisError BAD_REQUEST, INCOMPATIBLE */
export function recordOf({packed}: BackedRecord): ClusterRecord {
  const bytes = Buffer.from(packed, 'base64')
  return decodeRecord(gunzipSync(bytes, {maxOutputLength: RECORD_BYTES_MAX}).toString('utf8'))
}

function newer(a: BackedRecord | undefined, b: BackedRecord | undefined): BackedRecord | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return (a.epoch - b.epoch || a.index - b.index) > 0 ? a : b
}

function refuseOtherCluster({state}: Backup, {words}: Survey): void {
  const {uuid} = state.topology.cluster
  const other = words.find((word) => (uuidOf(word) ?? uuid) !== uuid)
  if (other === undefined) return
  throw new AisError({
    code: 'WRONG_CLUSTER',
    message: `the backup is of cluster ${uuid}, ${other.host} is of ${uuidOf(other)}; nothing was changed`,
    hint: 'is this the right backup?',
  })
}

/** Nodes of hosts that nobody could look at: any of them may live. */
function unasked({state}: Backup, {silent}: Survey, lost: readonly string[]): string[] {
  return nodesOf(state.topology)
    .filter(({host}) => silent.has(host) && !lost.includes(host))
    .map(({id}) => id)
}

function refuseMajority(
  {smap}: ClusterRecord,
  keepers: readonly string[],
  silent: readonly string[],
): void {
  const voters = votersOf(smap)
  const lives = (ids: readonly string[]): boolean => {
    const alive = voters.filter(({id}) => ids.includes(id))
    // A majority that nobody may lead has no way on by itself.
    return alive.some(({electable}) => electable) && isQuorum(voters, new Set(alive.map(voterKey)))
  }
  if (lives(keepers)) {
    const keep = keepers.map((id) => labelOf(smap.nodes[id], id)).join(', ')
    throw new AisError({
      code: 'REFUSED',
      message: `a majority lives: ${keep} keep the cluster's record; nothing was changed`,
      hint: 'start what is off: aisctl cluster start · look: aisctl show elections',
    })
  }
  const leader = keepers.find((id) => mayLead(smap.nodes[id]))
  if (leader !== undefined) {
    throw new AisError({
      code: 'REFUSED',
      message: `${labelOf(smap.nodes[leader], leader)} may lead and keeps a record; nothing was changed`,
      hint: 'it needs no backup: stop the nodes that keep no record (aisctl node stop NODE), then aisctl cluster recover --force',
    })
  }
  if (!lives([...keepers, ...silent])) return
  throw new AisError({
    code: 'REFUSED',
    message: `${silent.map((id) => labelOf(smap.nodes[id], id)).join(', ')} could not be asked: with them a majority may live; nothing was changed`,
    hint: 'make their hosts reachable; if a host is gone for good: --lost HOST',
  })
}

function mayLead(member: Member | undefined): boolean {
  return member !== undefined && isElectable(member)
}

function leaderOf({smap}: ClusterRecord, {state}: Backup, survey: Survey): TopologyNode {
  const may = nodesOf(state.topology).filter(({id, host}) => {
    const member = smap.nodes[id]
    const heard = survey.words.some((word) => word.host === host)
    return heard && mayLead(member)
  })
  const ready = may.filter(({id}) => !survey.bare.includes(id))
  const leader = ready.find(({id}) => id === smap.primary) ?? ready[0]
  if (leader !== undefined) return leader
  const [bare] = may
  throw new AisError({
    code: 'REFUSED',
    message:
      bare === undefined
        ? 'no gateway of the record that may lead is on a host that answers; nothing was changed'
        : `${nodeLabel('proxy', bare.id)} is not installed on ${bare.host}; nothing was changed`,
    hint: bare === undefined ? 'bring one of their hosts back' : 'install it: aisctl deploy',
  })
}

function labelOf(member: Member | undefined, id: string): string {
  return nodeLabel(member?.role ?? 'proxy', id)
}
