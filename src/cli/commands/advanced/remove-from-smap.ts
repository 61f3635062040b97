import {formatSize} from '../../../base/units.ts'
import type {Removal} from '../../../client/remove-node.ts'
import {planRemoval, removeNode} from '../../../client/remove-node.ts'
import {nodeLabelOf} from '../../../model/node.ts'
import {AisctlCommand} from '../../command.ts'
import {durationFlag, nodeArg, yesFlag} from '../../flags.ts'
import {nodesNamed} from '../../gateway-name.ts'
import {confirm, confirmByTyping} from '../../prompt.ts'
import {objectsText} from '../../render/departure-view.ts'
import {paragraph} from '../../render/paragraph.ts'

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
    const back =
      member.role === 'proxy' || alone?.objects === 0
        ? 'See: aisctl show cluster'
        : `If it comes back: aisctl node adopt-data ${member.id} · see: aisctl show cluster`
    this.log(`${label} is removed from the map; ${afterText(removal)}. ${back}`)
    return {node: member.id, role: member.role, unreachable: alone, estimated}
  }
}

function lossText({member, alone, estimated}: Removal): string {
  const label = nodeLabelOf(member)
  if (alone === null) {
    return `nobody can say how many objects only ${label} has; they become unreachable`
  }
  const {objects, bytes} = alone
  if (objects === 0) return `nothing is on ${label} alone`
  const what = `${objectsText(objects)} (${formatSize(bytes)})`
  return estimated
    ? `about ${what} that only ${label} has become unreachable: it does not answer, and the other targets have as many on the average`
    : `${what} are on ${label}; those that nobody else has become unreachable`
}

function afterText({member, alone, estimated}: Removal): string {
  if (member.role === 'proxy') return 'the other gateways serve on'
  if (alone === null) return 'what only it had is unreachable'
  if (alone.objects === 0) return 'nothing was on it alone'
  const about = estimated ? 'about' : 'up to'
  return `${about} ${objectsText(alone.objects)} that only it had are unreachable`
}
