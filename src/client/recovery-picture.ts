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

/**
 * @param known the uuid that the cluster is known to have; '' where it is not
 * @throws AisError when no gateway answers, or when the answers are of several clusters
 */
export async function gatherRecovery(client: ClusterClient, known = ''): Promise<RecoveryPicture> {
  const answers = [await client.leadership.recoveryAt(undefined)]
  const problems = new Map<string, string>()
  // A record may name nodes that were not asked yet, and they a newer record with others again.
  for (;;) {
    const fresh = notAsked(answers, problems)
    if (fresh.length === 0) break
    await mapParallel(fresh, async (member) => {
      const heard = await askBothWays(client, member)
      if (heard instanceof AisError) problems.set(member.id, heard.message)
      else answers.push(heard)
    })
  }
  const uuid = theOnly(answers, known)
  const newest = newestOf(answers)
  const members = (newest?.members ?? []).toSorted(byRoleAndId)
  return {uuid, nodes: members.map((member) => nodeOf(member, answers, problems)), newest}
}

function notAsked(
  answers: readonly RecoveryAnswer[],
  problems: ReadonlyMap<string, string>,
): readonly RecoveryMember[] {
  const known = new Map(answers.flatMap(({members}) => members).map((one) => [one.id, one]))
  const asked = new Set([...problems.keys(), ...answers.map(({id}) => id)])
  return [...known.values()].filter(({id}) => !asked.has(id))
}

/** A node that cannot be reached from here may still be reached by a gateway: then it lives. */
async function askBothWays(
  client: ClusterClient,
  member: RecoveryMember,
): Promise<RecoveryAnswer | AisError> {
  const ways = await Promise.all([
    orError(client.leadership.recoveryAt(member.public)),
    orError(client.leadership.recoveryOf(member.id)),
  ])
  const [direct] = ways
  const itself = ways.find((heard) => !(heard instanceof AisError) && heard.id === member.id)
  if (itself !== undefined || direct instanceof AisError) return itself ?? direct
  const message = `${member.public}: ${direct.id} answers there`
  return new AisError({code: 'UNREACHABLE', message})
}

async function orError(answer: Promise<RecoveryAnswer>): Promise<RecoveryAnswer | AisError> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof AisError && error.code !== 'INTERRUPTED') return error
    throw error
  }
}

function nodeOf(
  member: RecoveryMember,
  answers: readonly RecoveryAnswer[],
  problems: ReadonlyMap<string, string>,
): PictureNode {
  const answer = answers.find(({id}) => id === member.id) ?? null
  return {member, answer, problem: problems.get(member.id) ?? ''}
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

function theOnly(answers: readonly RecoveryAnswer[], known: string): string {
  const all = [...answers.map(({uuid}) => uuid), known]
  const uuids = [...new Set(all.filter((uuid) => uuid !== ''))]
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
    message: `the nodes that answer are not of one cluster: ${uuids.join(', ')}; nothing was changed`,
    hint: 'an address has been taken over by another cluster: name a gateway of the right one with --cluster URL',
  })
}
