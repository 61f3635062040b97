/**
 * Who this node is, across restarts and across the loss of its system disk. The id is made once and
 * kept in the state directory; a target's id also stands on the mark of every mountpath, so that
 * data disks that outlive the system disk say whose they are. Decides nothing about membership.
 */

import {randomInt} from 'node:crypto'
import {AisError} from '../../../base/errors.ts'
import type {NodeId} from '../../../model/ids.ts'
import {isNodeId} from '../../../model/ids.ts'
import type {Role} from '../../../model/node.ts'
import type {Fs} from '../fs/fs.ts'
import {nodeFs, readWhole, writeWhole} from '../fs/fs.ts'

const IDENTITY_FORMAT = 1
const IDENTITY_FILE = 'identity.json'
const IDENTITY_BYTES_MAX = 4096
/** Letters after the role's one: 62^8 ids, so that two nodes of a cluster never meet by chance. */
const ID_LETTERS = 8
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

export interface NodeIdentity {
  readonly id: NodeId
  /**
   * `kept`: from the state directory. `configured` or `generated`: first start. `mountpaths`: the
   * state directory is empty, but data disks name this node: it has forgotten its promises and must
   * rejoin with a new incarnation.
   */
  readonly origin: 'kept' | 'configured' | 'generated' | 'mountpaths'
}

export interface IdentityQuestion {
  readonly stateDirectory: string
  readonly role: Role
  /**
   * `id` of the node file or `-daemon_id`; '' or absent leaves it to the kept or a generated one.
   */
  readonly configured?: string | undefined
  /** Target ids on the marks of the mountpaths that are present; [] for a proxy. */
  readonly marked?: readonly string[]
}

/**
 * The node's id, kept from now on.
 * @throws AisError BAD_CONFIG when configuration, state and mountpaths name different nodes
 */
export function settleIdentity(question: IdentityQuestion, port: Fs = nodeFs): NodeIdentity {
  const kept = readIdentity(question.stateDirectory, port)
  const configured = question.configured === '' ? undefined : question.configured
  const marked = oneMark(question.marked ?? [])
  const candidates = [
    ['the state directory', kept],
    ['the configuration', configured],
    ['the mountpaths', marked],
  ] as const
  const named = candidates.filter(([, id]) => id !== undefined)
  const [first] = named
  const other = named.find(([, id]) => id !== first?.[1])
  if (first !== undefined && other !== undefined) {
    throw new AisError({
      code: 'BAD_CONFIG',
      message: `${first[0]} says that this node is ${first[1]}, ${other[0]} say ${other[1]}`,
      hint: `state directory ${question.stateDirectory}: put back the id or the disks that belong to it`,
    })
  }
  const id = checked(first?.[1] ?? generate(question.role))
  if (kept === undefined) writeIdentity(question.stateDirectory, id, port)
  return {id, origin: originOf(kept, configured, marked)}
}

function originOf(
  kept: string | undefined,
  configured: string | undefined,
  marked: string | undefined,
): NodeIdentity['origin'] {
  if (kept !== undefined) return 'kept'
  if (marked !== undefined) return 'mountpaths'
  return configured === undefined ? 'generated' : 'configured'
}

function oneMark(marked: readonly string[]): string | undefined {
  const different = [...new Set(marked)]
  if (different.length <= 1) return different[0]
  throw new AisError({
    code: 'BAD_CONFIG',
    message: `the mountpaths belong to different targets: ${different.join(', ')}`,
    hint: 'each mountpath has .aisnode/mountpath.json; configure only those of one target',
  })
}

function checked(id: string): NodeId {
  if (isNodeId(id)) return id
  throw new AisError({
    code: 'BAD_CONFIG',
    message: `node id ${JSON.stringify(id)} is not valid`,
    hint: 'use 8 to 32 letters, digits, "-" or "_", the first and the last a letter or digit',
  })
}

function generate(role: Role): string {
  const letters = Array.from({length: ID_LETTERS}, () => ALPHABET[randomInt(ALPHABET.length)])
  return `${role === 'proxy' ? 'p' : 't'}${letters.join('')}`
}

/** The id in a state directory; undefined before the first start. */
export function readIdentity(stateDirectory: string, port: Fs = nodeFs): string | undefined {
  const path = `${stateDirectory}/${IDENTITY_FILE}`
  const bytes = readWhole(port, path, IDENTITY_BYTES_MAX)
  if (bytes === undefined) return undefined
  const raw = parseIdentity(bytes.toString('utf8'))
  if (raw !== undefined && raw.format > IDENTITY_FORMAT) {
    throw new AisError({
      code: 'INCOMPATIBLE',
      message: `${path} has format ${raw.format}, this release knows up to ${IDENTITY_FORMAT}`,
      hint: 'start the release that wrote it; nothing was changed',
    })
  }
  if (raw === undefined || !isNodeId(raw.id)) {
    throw new AisError({
      code: 'BAD_CONFIG',
      message: `${path} is damaged: it holds no node id`,
      hint: 'restore it, or write {"format":1,"id":"…"} with the id that the cluster map shows',
    })
  }
  return raw.id
}

function parseIdentity(text: string): {format: number; id: string} | undefined {
  try {
    const raw: unknown = JSON.parse(text)
    if (typeof raw !== 'object' || raw === null || !('format' in raw) || !('id' in raw)) {
      return undefined
    }
    return typeof raw.format === 'number' && typeof raw.id === 'string'
      ? {format: raw.format, id: raw.id}
      : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function writeIdentity(stateDirectory: string, id: NodeId, port: Fs): void {
  const text = `${JSON.stringify({format: IDENTITY_FORMAT, id})}\n`
  writeWhole(port, stateDirectory, IDENTITY_FILE, Buffer.from(text, 'utf8'))
}
