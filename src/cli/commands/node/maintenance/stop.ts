import {nodeArg} from '../../../flags.ts'
import type {Done} from '../../../membership-command.ts'
import {MembershipCommand, membershipFlags} from '../../../membership-command.ts'
import {paragraph} from '../../../render/paragraph.ts'

export default class NodeMaintenanceStop extends MembershipCommand {
  static override readonly summary = 'take nodes back into service'
  static override readonly description = paragraph(
    'They serve at once, and their share of the data moves back meanwhile. Also interrupts a',
    'shutdown or a decommission that has not finished.',
  )
  static override readonly strict = false
  static override readonly aliases = ['cluster:add-remove-nodes:stop-maintenance']
  static override readonly examples = [
    '<%= config.bin %> node maintenance stop target-h3',
    '<%= config.bin %> cluster add-remove-nodes stop-maintenance t[ikht8083] --wait',
  ]
  static override readonly args = {node: nodeArg({required: true})}
  static override readonly flags = membershipFlags

  async run(): Promise<unknown> {
    const {argv, flags} = await this.parse(NodeMaintenanceStop)
    return this.order(flags, {
      action: 'stop-maintenance',
      names: argv as string[],
      question: null,
      conclude,
    })
  }
}

function conclude({labels, rebalance, several, waited}: Done): string {
  const serves = `${labels} ${several ? 'serve' : 'serves'} again`
  const its = several ? 'their' : 'its'
  if (rebalance === '') return `${serves}; no data moves. See it: aisctl show cluster`
  if (waited) return `${serves}, and ${its} share of the data is back. See it: aisctl show cluster`
  return `${serves}; ${its} share of the data is moving back. Watch it: aisctl show rebalance --refresh 2`
}
