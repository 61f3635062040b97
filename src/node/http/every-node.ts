/** The same question to every node of the cluster, over their public listeners. */

import {formatEndpoint, type Member} from '../../model/node.ts'
import {parseJson, type Json} from '../../wire/json.ts'
import {reasonOf} from '../observe/log.ts'
import type {NodeContext} from './context.ts'
import {recordOf} from './respond.ts'

export interface EveryNode {
  /** This gateway's own answer. */
  readonly own: Json
  /** By id; nodes that did not answer are missing. */
  readonly proxies: Readonly<Record<string, Json>>
  readonly targets: Readonly<Record<string, Json>>
}

export interface EveryNodeOptions {
  /** Whom alone; absent: all. */
  readonly only?: (member: Member) => boolean
  /** Who takes longer has not answered; absent: as long as a control call may take. */
  readonly timeoutMs?: number
}

export async function askEveryNode(
  context: NodeContext,
  what: string,
  options: EveryNodeOptions = {},
): Promise<EveryNode> {
  const {only = () => true} = options
  const members = Object.values(recordOf(context).smap.nodes).filter(only)
  const question = {what, timeoutMs: options.timeoutMs}
  const answers = await Promise.all(
    members.map(async (member) => ({member, answer: await askOne(context, member, question)})),
  )
  const of = (role: Member['role']): Record<string, Json> =>
    Object.fromEntries(
      answers
        .filter(({member, answer}) => member.role === role && answer !== undefined)
        .map(({member, answer}) => [member.id, answer ?? null] as const)
        .toSorted(([a], [b]) => (a < b ? -1 : 1)),
    )
  const proxies = of('proxy')
  return {own: proxies[context.id] ?? null, proxies, targets: of('target')}
}

async function askOne(
  context: NodeContext,
  member: Member,
  {what, timeoutMs}: {readonly what: string; readonly timeoutMs: number | undefined},
): Promise<Json | undefined> {
  if (member.away !== null) return undefined
  try {
    const path = `/v1/daemon?what=${what}`
    const signal = timeoutMs === undefined ? {} : {signal: AbortSignal.timeout(timeoutMs)}
    const {head, body} = await context.askPublic(member.public, {method: 'GET', path, ...signal})
    return head.statusCode === 200 ? parseJson(body.toString('utf8')) : undefined
  } catch (error) {
    const node = `${member.id} ${formatEndpoint(member.public)}`
    context.log.warn('a node did not answer', {node, what, error: reasonOf(error)})
    return undefined
  }
}
