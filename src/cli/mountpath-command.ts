/**
 * What orders about mountpaths have in common: `NODE=MOUNTPATH`, as AIStore's operators type it,
 * one or several; each is followed by a line that says what is true now.
 */

import {Args, Flags} from '@oclif/core'
import {AisError} from '../base/errors.ts'
import type {ClusterClient} from '../client/cluster.ts'
import {resolveNode} from '../client/node-name.ts'
import {nodeLabelOf, type Member} from '../model/node.ts'
import type {MountpathLists, MountpathVerb} from '../wire/mountpaths.ts'
import {decodeSmap} from '../wire/smap.ts'
import {AisctlCommand} from './command.ts'
import {durationFlag} from './flags.ts'

export const mountpathArg = Args.custom<string>({
  description: 'target and path: NODE=MOUNTPATH, one or several',
})

/** Moving the data of a large disk takes hours. */
const PATIENCE_MS = 24 * 3_600_000

export const emptyingFlags = {
  'no-resilver': Flags.boolean({
    description: 'leave what lies there where it is',
    default: false,
  }),
  'wait': Flags.boolean({description: 'return when it is emptied', default: false}),
  'timeout': durationFlag({description: 'with --wait: how long at most', default: PATIENCE_MS}),
}

export interface MountpathPair {
  readonly node: Member
  readonly path: string
}

export interface MountpathAsk {
  readonly verb: MountpathVerb
  readonly label?: string
  readonly resilver?: boolean
  /** Waits until it is emptied, at most so long; absent: does not wait. */
  readonly waitMs?: number | undefined
}

/** What became of one. */
interface Followed {
  readonly node: string
  readonly mountpath: string
  readonly changed: boolean
  readonly state: 'available' | 'waiting' | 'disabled' | 'detached'
}

export abstract class MountpathCommand extends AisctlCommand {
  /** @param words as typed @throws AisError USAGE, NODE_NOT_FOUND */
  protected async pairs(
    client: ClusterClient,
    words: readonly string[],
  ): Promise<readonly MountpathPair[]> {
    const {smap} = decodeSmap(await client.smap())
    return words.map((word) => {
      const [name = '', path = ''] = splitPair(word)
      return {node: resolveNode(smap, name, 'target'), path}
    })
  }

  protected async order(
    client: ClusterClient,
    pairs: readonly MountpathPair[],
    {verb, label = '', resilver = true, waitMs}: MountpathAsk,
  ): Promise<readonly Followed[]> {
    const followed: Followed[] = []
    for (const {node, path} of pairs) {
      const changed = await client.mountpaths.order(node.id, {verb, path, label, resilver})
      const lists =
        waitMs === undefined
          ? await client.mountpaths.lists(node.id)
          : await client.mountpaths.emptied(node.id, path, waitMs)
      const one = {node: node.id, mountpath: path, changed, state: stateOf(lists, path)}
      this.log(sentence(nodeLabelOf(node), one, verb))
      followed.push(one)
    }
    return followed
  }
}

/** `t1=/ais/mp1`: a path may hold an equals sign, an id does not. */
function splitPair(word: string): readonly string[] {
  const at = word.indexOf('=')
  const pair = [word.slice(0, at), word.slice(at + 1)]
  if (at > 0 && pair[1] !== '') return pair
  throw new AisError({
    code: 'USAGE',
    message: `${JSON.stringify(word)} names no target and mountpath`,
    hint: 'write NODE=MOUNTPATH, as t1=/ais/mp1; see: aisctl storage mountpath show',
  })
}

function stateOf(lists: MountpathLists, path: string): Followed['state'] {
  if (lists.available.includes(path)) return 'available'
  if (lists.waiting.includes(path)) return 'waiting'
  return lists.disabled.includes(path) ? 'disabled' : 'detached'
}

const NOW: Readonly<Record<MountpathVerb, string>> = {
  attach: 'attached',
  enable: 'enabled',
  disable: 'disabled',
  detach: 'detached',
  rescan: 'rescanned',
  check: 'being checked',
}

/** Compat: the words of `ais storage mountpath`. */
function sentence(label: string, one: Followed, verb: MountpathVerb): string {
  const what = `${label}: mountpath ${JSON.stringify(one.mountpath)}`
  if (one.state === 'waiting') {
    return `${what} takes no more writes; what it holds moves away first (see: aisctl show job resilver)`
  }
  return `${what} is ${one.changed ? 'now' : 'already'} ${NOW[verb]}`
}
