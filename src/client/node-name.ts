/** A node as people type it: its id, `t[id]` or `p[id]`, or an unambiguous start of its id. */

import {AisError} from '../base/errors.ts'
import {nodeLabel} from '../model/ids.ts'
import type {Member, Role} from '../model/node.ts'
import type {Smap} from '../model/record.ts'

/** @throws AisError NODE_NOT_FOUND when no member matches, USAGE when several do */
export function resolveNode(smap: Smap, text: string, role?: Role): Member {
  const members = Object.values(smap.nodes).filter(
    (member) => role === undefined || member.role === role,
  )
  const {id, wantedRole} = split(text)
  const exact = members.find((member) => member.id === id)
  const [only, ...others] =
    exact === undefined ? members.filter((member) => member.id.startsWith(id)) : [exact]
  if (only === undefined || (wantedRole !== undefined && only.role !== wantedRole)) {
    throw unknown(text, members)
  }
  if (others.length === 0) return only
  const labels = [only, ...others].map((member) => nodeLabel(member.role, member.id))
  throw new AisError({
    code: 'USAGE',
    message: `${JSON.stringify(text)} means several nodes: ${labels.join(', ')}`,
    hint: 'type more of the id',
    details: {matches: labels},
  })
}

function split(text: string): {readonly id: string; readonly wantedRole: Role | undefined} {
  const match = /^([pt])\[([^\]]+)\](?:\[(?:P|x|n\/e)\])*$/.exec(text)
  if (match === null) return {id: text, wantedRole: undefined}
  return {id: match[2] ?? '', wantedRole: match[1] === 'p' ? 'proxy' : 'target'}
}

function unknown(text: string, members: readonly Member[]): AisError {
  const labels = members.map((member) => nodeLabel(member.role, member.id))
  return new AisError({
    code: 'NODE_NOT_FOUND',
    message: `no node is named ${JSON.stringify(text)}`,
    hint: `the nodes are: ${labels.join(', ')}`,
    details: {nodes: labels},
  })
}
