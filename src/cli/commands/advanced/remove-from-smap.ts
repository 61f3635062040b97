import {planRemoval, removeNode} from '../../../client/remove-node.ts'
import {nodeLabelOf} from '../../../model/node.ts'
import {AisctlCommand} from '../../command.ts'
import {durationFlag, nodeArg, yesFlag} from '../../flags.ts'
import {nodesNamed} from '../../gateway-name.ts'
import {writeDownGone} from '../../left-nodes.ts'
import {confirm, confirmByTyping} from '../../prompt.ts'
import {paragraph} from '../../render/paragraph.ts'
import {lossText, removedText} from '../../render/removal-view.ts'

/** A share has passed when every lease on it has run out: twelve seconds at most. */
const PATIENCE_MS = 60_000

export default class AdvancedRemoveFromSmap extends AisctlCommand {
  static override readonly summary =
    'remove a node that is lost for good from the map, at once: nothing moves'
  static override readonly description = [
    paragraph(
      'What only that node holds is unreachable afterwards, and answers 404. Asks twice. Use it when',
      'the machine will not come back; any other node is taken out in order: node decommission.',
    ),
    paragraph(
      'An operation or a rebalance that waits for the node goes on without it. If the node returns',
      'after all, it comes as an empty one, and what it held is kept aside on its disks.',
    ),
  ].join('\n\n')
  static override readonly examples = [
    '<%= config.bin %> advanced remove-from-smap target-h3',
    '<%= config.bin %> advanced remove-from-smap t[ikht8083] --yes --json',
  ]
  static override readonly args = {node: nodeArg({required: true})}
  static override readonly flags = {
    yes: yesFlag,
    timeout: durationFlag({
      description: 'how long the share of a node that still serves may take to pass to others',
      default: PATIENCE_MS,
    }),
  }

  async run(): Promise<unknown> {
    const {args, flags} = await this.parse(AdvancedRemoveFromSmap)
    const client = this.client(flags)
    const found = this.found(flags)
    const [name = args.node] = await nodesNamed([args.node], found)
    const removal = await planRemoval(client, name, found.known?.uuid)
    const {member, alone, estimated} = removal
    const label = nodeLabelOf(member)
    if (member.role === 'target') this.warn(lossText(removal))
    await confirm(`Remove ${label} from the map at once?`, {yes: flags.yes})
    const again = `This cannot be taken back: if ${label} returns, it comes as an empty node.`
    await confirmByTyping(again, member.id, {yes: flags.yes})
    const line = this.progress()
    await removeNode(client, removal, {
      timeoutMs: flags.timeout,
      onProgress: (text) => line.show(text),
    })
    line.end()
    const {lines} = await writeDownGone(found, [member.id])
    for (const text of lines) this.log(text)
    this.log(removedText(removal))
    return {node: member.id, role: member.role, unreachable: alone, estimated}
  }
}
