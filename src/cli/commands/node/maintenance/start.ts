import {nodeArg} from '../../../flags.ts'
import type {Asked, Done} from '../../../membership-command.ts'
import {MembershipCommand, membershipFlags} from '../../../membership-command.ts'
import {paragraph} from '../../../render/paragraph.ts'

export default class NodeMaintenanceStart extends MembershipCommand {
  static override readonly summary =
    'take nodes out of service: their data moves, they keep running'
  static override readonly description = paragraph(
    'The data of a target moves to the other targets, and stays readable and writable meanwhile.',
    'Until all of it has moved, the status is red and the node must not be powered off; then it is',
    '"safe to power off". It remains a member and has no vote. With --no-rebalance nothing moves:',
    'its objects are served from where they are, and answer 503 when it is off.',
  )
  static override readonly strict = false
  static override readonly aliases = ['cluster:add-remove-nodes:start-maintenance']
  static override readonly examples = [
    '<%= config.bin %> node maintenance start target-h3',
    '<%= config.bin %> node maintenance start t[ikht8083] --wait',
    '<%= config.bin %> cluster add-remove-nodes start-maintenance ikht8083 --no-rebalance -y',
  ]
  static override readonly args = {node: nodeArg({required: true})}
  static override readonly flags = membershipFlags

  async run(): Promise<unknown> {
    const {argv, flags} = await this.parse(NodeMaintenanceStart)
    const stays = flags['no-rebalance']
    return this.order(flags, {
      action: 'start-maintenance',
      names: argv as string[],
      question: (asked) => questionOf(asked, stays),
      conclude,
    })
  }
}

function questionOf({labels, data}: Asked, stays: boolean): string {
  const what = data === '' ? '' : stays ? ` ${data} stay there.` : ` ${data} move away first.`
  return `Take ${labels} out of service?${what}`
}

function conclude({labels, ids, rebalance, holds, several, waited}: Done): string {
  const is = several ? 'are' : 'is'
  const [its, it] = several ? ['their', 'them'] : ['its', 'it']
  const back = `aisctl node maintenance stop ${ids}`
  if (rebalance !== '' && holds && !waited) {
    return `${labels} ${is} in maintenance, and ${its} data is moving: do not power ${it} off yet. Wait for it: aisctl rebalance wait ${rebalance} · take ${it} back: ${back}`
  }
  if (holds) {
    return `${labels} ${is} in maintenance, and ${its} data has not moved: without ${it} ${its} objects answer 503. Move it: aisctl rebalance start --wait · take ${it} back: ${back}`
  }
  return `${labels} ${is} in maintenance and safe to power off. Take ${it} back: ${back}`
}
