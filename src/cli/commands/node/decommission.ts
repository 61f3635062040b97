import {Flags} from '@oclif/core'
import type {FoundCluster} from '../../../client/find-cluster.ts'
import {nodeArg} from '../../flags.ts'
import {goneAlready, noteOrderedOut, writeDownGone, type GoneNode} from '../../left-nodes.ts'
import {MembershipCommand, membershipFlags} from '../../membership-command.ts'
import {confirm} from '../../prompt.ts'
import {concludeText, goneText, questionOf} from '../../render/decommission-text.ts'
import {paragraph} from '../../render/paragraph.ts'

export default class NodeDecommission extends MembershipCommand {
  static override readonly summary =
    'take nodes out of the cluster for good, after their data has moved'
  static override readonly description = paragraph(
    'When all data has moved and that was verified, the node forgets the cluster, ends, and leaves',
    'the map. Until then it can be taken back: node maintenance stop. --no-rebalance is refused for',
    'a target whose data has not moved: it would be a loss. On hosts that aisctl has deployed its unit',
    'is turned off then, and every copy of the topology remembers it as removed; without --wait the',
    'same command, given again, does that. It comes back by name alone: scale-out.',
  )
  static override readonly strict = false
  static override readonly aliases = ['cluster:add-remove-nodes:decommission', 'scale-in']
  static override readonly examples = [
    '<%= config.bin %> node decommission target-h3 --wait',
    '<%= config.bin %> cluster add-remove-nodes decommission t[ikht8083] --rm-user-data -y',
  ]
  static override readonly args = {node: nodeArg({required: true})}
  static override readonly flags = {
    ...membershipFlags,
    'rm-user-data': Flags.boolean({
      description: 'wipe the objects on its disks, after they have moved',
      default: false,
    }),
    'keep-initial-config': Flags.boolean({
      description: "as in AIStore; the node's own file is the deployer's and stays in any case",
      default: false,
    }),
  }

  async run(): Promise<unknown> {
    const {argv, flags} = await this.parse(NodeDecommission)
    const found = this.found(flags)
    const gone = await goneAlready(argv as string[], found, this.client(flags))
    if (gone !== undefined) return this.finishGone(gone, found, flags.yes)
    const wipes = flags['rm-user-data']
    return this.order(flags, {
      action: 'decommission-node',
      names: argv as string[],
      removeUserData: wipes,
      keepInitialConfig: flags['keep-initial-config'],
      question: (asked) => questionOf(asked, wipes),
      settle: async ({nodes, waited}) => {
        const ids = nodes.map(({id}) => id)
        await noteOrderedOut(found, ids)
        return waited ? (await writeDownGone(found, ids)).lines : []
      },
      conclude: (done) => concludeText(done, found.known?.topologyFile !== undefined),
    })
  }

  /** They have left the map; what their hosts keep of them is brought up to date. */
  private async finishGone(
    nodes: readonly GoneNode[],
    found: FoundCluster,
    yes: boolean,
  ): Promise<unknown> {
    const labels = nodes.map(({label}) => label).join(', ')
    this.log(`Nodes (${nodes.length}): ${labels}`)
    if (nodes.some(({expected}) => !expected)) {
      const one = nodes.length === 1
      await confirm(
        `${labels} ${one ? 'is' : 'are'} in no map. Turn ${one ? 'its unit' : 'their units'} off for good?`,
        {yes},
      )
    }
    const {lines, debts} = await writeDownGone(
      found,
      nodes.map(({id}) => id),
    )
    for (const line of lines) this.log(line)
    this.log(goneText(labels, nodes.length > 1))
    return {action: 'decommission-node', nodes: nodes.map(({id}) => ({id})), finished: true, debts}
  }
}
