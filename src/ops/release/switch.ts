/**
 * A node's link to its release, switched while its unit is stopped, and switched back. Which release
 * each node ran before the command is asked once, before anything changes.
 */

import {labelOf} from '../cluster/health.ts'
import type {Fleet} from '../fleet.ts'
import {applyManifest} from '../host/apply.ts'
import type {Host} from '../host/host.ts'
import {OPT, unitOf, type ManifestEntry} from '../host/manifest.ts'
import {controlUnit} from '../node/unit.ts'
import type {StepContext} from '../plan/plan.ts'
import type {NewDebt} from '../run/debts.ts'
import {rollOne, type Roll} from '../sequence/roll.ts'
import type {TopologyNode} from '../topology/resolve.ts'

export interface Switches {
  /** What each node ran before, `release/…`, by id. */
  readonly before: Map<string, string>
  /** Nodes that were switched, in order. */
  readonly made: TopologyNode[]
  readonly debts: readonly NewDebt[]
  /** Asks a host what its nodes run. */
  learn(host: Host, nodes: readonly TopologyNode[]): Promise<void>
  /** Switches back what was switched, the failed first. Gives what is true then, in words. */
  goBack(roll: Roll, context: StepContext): Promise<string>
}

export function switchesOf(): Switches {
  const before = new Map<string, string>()
  const made: TopologyNode[] = []
  const debts: NewDebt[] = []
  return {
    before,
    made,
    debts,
    learn: (host, nodes) => learnLinks(host, nodes, before),
    goBack: (roll, context) => goBack({before, made, debts}, roll, context),
  }
}

async function learnLinks(
  host: Host,
  nodes: readonly TopologyNode[],
  before: Map<string, string>,
): Promise<void> {
  for (const node of nodes) {
    const {status, stdout} = await host.run({argv: ['readlink', `${OPT}/${node.instance}`]})
    if (status === 0 && stdout.trim() !== '') before.set(node.id, stdout.trim())
  }
}

export interface SwitchTo {
  readonly switches: Switches
  readonly value: Promise<string> | string
}

/** Makes the node run that release; one that does already is started at most. */
export async function switchNode(
  fleet: Fleet,
  node: TopologyNode,
  {switches, value}: SwitchTo,
): Promise<void> {
  const link = await value
  if (switches.before.get(node.id) === link) {
    await controlUnit(fleet, node, 'start')
    return
  }
  if (!switches.made.includes(node)) switches.made.push(node)
  await restartWith(fleet, node, {link, tag: ''})
}

async function restartWith(
  fleet: Fleet,
  node: TopologyNode,
  {link, tag}: {readonly link: string; readonly tag: string},
): Promise<void> {
  const manifest = {host: node.host, entries: linkEntries(node, link)}
  const none = {mode: 'apply', payload: [], secrets: {}} as const
  await applyManifest(fleet.host(node.host), manifest, none)
  await controlUnit(fleet, node, 'restart', tag)
}

/** A link that waited for a stop is not to be made after all: its note goes first. */
export function linkEntries(node: TopologyNode, link: string): ManifestEntry[] {
  const unit = unitOf(node)
  return [
    {type: 'absent', path: `/var/lib/aisctl/pending/${unit}`, restart: []},
    {type: 'link', path: `${OPT}/${node.instance}`, value: link, restart: [unit]},
  ]
}

interface Made {
  readonly before: ReadonlyMap<string, string>
  readonly made: readonly TopologyNode[]
  readonly debts: NewDebt[]
}

async function goBack(
  {before, made, debts}: Made,
  roll: Roll,
  {signal, report}: StepContext,
): Promise<string> {
  const broken = made.filter(({id}) => roll.givenUp.has(id))
  const sound = made.filter(({id}) => !roll.givenUp.has(id)).toReversed()
  const back: string[] = []
  for (const node of [...broken, ...sound]) {
    const link = before.get(node.id)
    try {
      if (link === undefined) throw new Error('what it ran before is not known')
      const act = (): Promise<void> => {
        report({text: `${labelOf(node)} back to ${link}`})
        return restartWith(roll.fleet, node, {link, tag: 'back'})
      }
      // One that is down already endangers nobody when it restarts.
      if (broken.includes(node)) await act()
      roll.givenUp.delete(node.id)
      await rollOne(roll, node, {
        signal,
        report: (text) => report({text}),
        act: broken.includes(node) ? () => Promise.resolve() : act,
      })
      back.push(labelOf(node))
    } catch (error) {
      if (!(error instanceof Error)) throw error
      roll.givenUp.add(node.id)
      debts.push({
        key: `release:${node.host}/${node.instance}`,
        what: `${labelOf(node)} is not back to what it ran before: ${error.message.split('\n')[0]}`,
        pay: 'aisctl cluster upgrade --rollback',
      })
    }
  }
  if (made.length === 0) return 'no node was switched'
  const all = back.length === made.length
  return `${all ? 'all' : `${back.length} of`} ${made.length} nodes that were switched are back to the release before`
}
