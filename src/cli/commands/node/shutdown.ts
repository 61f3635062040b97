import {nodeArg} from '../../flags.ts'
import type {Asked, Done} from '../../membership-command.ts'
import {MembershipCommand, membershipFlags} from '../../membership-command.ts'
import {paragraph} from '../../render/paragraph.ts'

export default class NodeShutdown extends MembershipCommand {
  static override readonly summary = 'move the data of nodes away, then end their daemons'
  static override readonly description = paragraph(
    'As maintenance; when all data has moved and that was verified, the daemon ends (of a gateway at',
    'once). The node is not decommissioned: it stays in the map, and returns in maintenance when it',
    'is started. To end a daemon now and move nothing: node stop.',
  )
  static override readonly strict = false
  static override readonly aliases = ['cluster:add-remove-nodes:shutdown']
  static override readonly examples = [
    '<%= config.bin %> node shutdown target-h3 --wait',
    '<%= config.bin %> cluster add-remove-nodes shutdown t[ikht8083] --no-rebalance -y',
  ]
  static override readonly args = {node: nodeArg({required: true})}
  static override readonly flags = membershipFlags

  async run(): Promise<unknown> {
    const {argv, flags} = await this.parse(NodeShutdown)
    const stays = flags['no-rebalance']
    return this.order(flags, {
      action: 'shutdown-node',
      names: argv as string[],
      question: (asked) => questionOf(asked, stays),
      conclude,
    })
  }
}

function questionOf({labels, data}: Asked, stays: boolean): string {
  if (data === '') return `Shut ${labels} down?`
  const what = stays
    ? `${data} stay there, and answer 503 until it is back.`
    : `${data} move away first; how long that takes is seen when it runs.`
  return `Shut ${labels} down? ${what}`
}

function conclude({labels, ids, rebalance, waited, several, holds}: Done): string {
  const back = `Start again: aisctl node start ${ids} · then back into service: aisctl node maintenance stop ${ids}`
  const note = `Not decommissioned: ${several ? 'they stay' : 'it stays'} in the map, in maintenance.`
  if (rebalance !== '' && !waited) {
    const shuts = several ? 'shut down when their data has' : 'shuts down when its data has'
    return `${labels} ${shuts} moved. ${note} Wait for the data: aisctl rebalance wait ${rebalance} · interrupt it: aisctl node maintenance stop ${ids}`
  }
  const kept = holds ? `; ${several ? 'their' : 'its'} data has not moved and answers 503` : ''
  const off = waited
    ? `${several ? 'are' : 'is'} off${kept}`
    : `${several ? 'shut' : 'shuts'} down now${kept}`
  return `${labels} ${off}. ${note} ${back}`
}
