/**
 * Where every node of a cluster stands, asked of each one by itself: what an operator needs to see
 * before a recovery without a majority. Works without any primary, and as long as one node answers.
 */

import {AisError} from '../base/errors.ts'
import {comparePositions} from '../model/record.ts'
import type {RecoveryAnswer, RecoveryMember} from '../wire/recovery.ts'
import type {ClusterClient} from './cluster.ts'
import {mapParallel} from './cluster.ts'

/** One node, as the newest record that was found has it, and what it says itself. */
export interface PictureNode {
  readonly member: RecoveryMember
  /** Null when it does not answer. */
  readonly answer: RecoveryAnswer | null
  /** Why not; '' when it does. */
  readonly problem: string
}

export interface RecoveryPicture {
  readonly uuid: string
  /** By role and id. Empty only when no record was found at all. */
  readonly nodes: readonly PictureNode[]
  /** Whoever holds the newest accepted record. Undefined without any. */
  readonly newest: RecoveryAnswer | undefined
}

/** What is known of one address: an answer, or why there is none. */
type Heard = RecoveryAnswer | AisError

/** @throws AisError when nobody answers, or when the answers are of several clusters */
export async function gatherRecovery(client: ClusterClient): Promise<RecoveryPicture> {
  const gateways = client.transport.endpoints()
  const heard = new Map<string, Heard>()
  await askAll(client, gateways, heard)
  // A record may name nodes that were not asked yet, and they a newer record with others again.
  for (;;) {
    const known = answersOf(heard).flatMap(({members}) => members.map((member) => member.public))
    const fresh = [...new Set(known)].filter((url) => !heard.has(url))
    if (fresh.length === 0) break
    await askAll(client, fresh, heard)
  }
  const answers = answersOf(heard)
  if (answers.length === 0) throw nobody(heard)
  const uuid = theOnly(answers)
  const newest = newestOf(answers)
  const members = (newest?.members ?? []).toSorted(byRoleAndId)
  const nodes = await mapParallel(members, (member) => nodeOf(client, member, {heard, answers}))
  return {uuid, nodes, newest}
}

async function askAll(
  client: ClusterClient,
  urls: readonly string[],
  heard: Map<string, Heard>,
): Promise<void> {
  await mapParallel(urls, async (url) => {
    heard.set(url, await orError(client.leadership.recoveryAt(url)))
  })
}

async function orError(answer: Promise<RecoveryAnswer>): Promise<Heard> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof AisError && error.code !== 'INTERRUPTED') return error
    throw error
  }
}

function answersOf(heard: ReadonlyMap<string, Heard>): readonly RecoveryAnswer[] {
  return [...heard.values()].flatMap((one) => (one instanceof AisError ? [] : one))
}

interface Found {
  readonly heard: ReadonlyMap<string, Heard>
  readonly answers: readonly RecoveryAnswer[]
}

/** A node that cannot be reached from here may still be reached by a gateway: then it lives. */
async function nodeOf(
  client: ClusterClient,
  member: RecoveryMember,
  {heard, answers}: Found,
): Promise<PictureNode> {
  const direct = answers.find(({id}) => id === member.id)
  if (direct !== undefined) return {member, answer: direct, problem: ''}
  const relayed = await orError(client.leadership.recoveryOf(member.id))
  if (!(relayed instanceof AisError)) return {member, answer: relayed, problem: ''}
  const first = heard.get(member.public)
  const problem = first instanceof AisError ? first.message : relayed.message
  return {member, answer: null, problem}
}

/** The id of the node that people mean. @throws AisError NODE_NOT_FOUND or USAGE */
export function nodeIn({nodes}: RecoveryPicture, text: string): string {
  const id = /^[pt]\[([^\]]+)\]/.exec(text)?.[1] ?? text
  const ids = nodes.map(({member}) => member.id)
  const matches = ids.includes(id) ? [id] : ids.filter((one) => one.startsWith(id))
  const [only, ...others] = matches
  if (only !== undefined && others.length === 0) return only
  throw new AisError({
    code: only === undefined ? 'NODE_NOT_FOUND' : 'USAGE',
    message:
      only === undefined
        ? `no node is named ${JSON.stringify(text)}`
        : `${JSON.stringify(text)} means several nodes: ${matches.join(', ')}`,
    hint: `the nodes are: ${ids.join(', ')}`,
  })
}

/** The answer with the newest accepted record. */
export function newestOf(answers: readonly RecoveryAnswer[]): RecoveryAnswer | undefined {
  return answers
    .filter(({accepted}) => accepted !== null)
    .toSorted((a, b) => comparePositions(positionOf(b), positionOf(a)) || (a.id < b.id ? -1 : 1))[0]
}

function positionOf({accepted}: RecoveryAnswer): {readonly epoch: number; readonly index: number} {
  return accepted ?? {epoch: 0, index: 0}
}

function byRoleAndId(a: RecoveryMember, b: RecoveryMember): number {
  if (a.role !== b.role) return a.role === 'proxy' ? -1 : 1
  return a.id < b.id ? -1 : 1
}

function theOnly(answers: readonly RecoveryAnswer[]): string {
  const uuids = [...new Set(answers.map(({uuid}) => uuid).filter((uuid) => uuid !== ''))]
  const [uuid, ...others] = uuids
  if (uuid !== undefined && others.length === 0) return uuid
  if (uuid === undefined) {
    throw new AisError({
      code: 'REFUSED',
      message: 'no node that answers belongs to a cluster; nothing was changed',
      hint: 'is this the right cluster? aisctl show clusters',
    })
  }
  throw new AisError({
    code: 'WRONG_CLUSTER',
    message: `the nodes that answer are of several clusters: ${uuids.join(', ')}; nothing was changed`,
    hint: 'an address has been taken over by another cluster: name a gateway of the right one with --cluster URL',
  })
}

function nobody(heard: ReadonlyMap<string, Heard>): AisError {
  const [first] = [...heard.values()]
  if (heard.size === 1 && first instanceof AisError) return first
  const tried = [...heard.keys()]
  return new AisError({
    code: 'UNREACHABLE',
    message: `no node answers: ${tried.join(', ')}`,
    hint: 'start one of its gateways, or name one that runs: --cluster http://HOST:PORT',
    details: {tried},
  })
}
