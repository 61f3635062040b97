import {Flags} from '@oclif/core'
import {nodeArg} from '../../flags.ts'
import type {Asked, Done} from '../../membership-command.ts'
import {MembershipCommand, membershipFlags} from '../../membership-command.ts'
import {paragraph} from '../../render/paragraph.ts'

export default class NodeDecommission extends MembershipCommand {
  static override readonly summary =
    'take nodes out of the cluster for good, after their data has moved'
  static override readonly description = paragraph(
    'When all data has moved and that was verified, the node forgets the cluster, ends, and leaves',
    'the map. Until then it can be taken back: node maintenance stop. --no-rebalance is refused for',
    'a target whose data has not moved: it would be a loss.',
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
    const wipes = flags['rm-user-data']
    return this.order(flags, {
      action: 'decommission-node',
      names: argv as string[],
      removeUserData: wipes,
      keepInitialConfig: flags['keep-initial-config'],
      question: (asked) => questionOf(asked, wipes),
      conclude,
    })
  }
}

function questionOf({labels, data, several}: Asked, wipes: boolean): string {
  const moves = data === '' ? '' : ` ${data} move away first.`
  const disks = several ? 'their disks are' : 'its disks are'
  const wiped = wipes ? ` Then ${disks} wiped, which cannot be undone.` : ''
  return `Take ${labels} out of the cluster for good?${moves}${wiped}`
}

function conclude({labels, ids, rebalance, waited, several}: Done): string {
  if (waited) {
    return `${labels} ${several ? 'have' : 'has'} left the cluster; nothing is on ${several ? 'them' : 'it'} alone. See it: aisctl show cluster`
  }
  const leave = several ? 'leave' : 'leaves'
  if (rebalance === '') return `${labels} ${leave} the cluster now. See it: aisctl show cluster`
  const its = several ? 'their' : 'its'
  return `${labels} ${leave} the cluster when ${its} data has moved. Watch it: aisctl show rebalance --refresh 2 · take ${several ? 'them' : 'it'} back: aisctl node maintenance stop ${ids}`
}
