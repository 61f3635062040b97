import {sameCluster} from '../../../client/look-until.ts'
import {AisctlCommand} from '../../command.ts'
import {paragraph} from '../../render/paragraph.ts'

export default class RebalanceStop extends AisctlCommand {
  static override readonly summary = 'stop moving objects; what was moved stays'
  static override readonly description = paragraph(
    'Nothing is lost, and every object is served by whoever has it. Refused while a node is being',
    'taken out: take that back instead (node maintenance stop).',
  )
  static override readonly aliases = ['stop:rebalance']
  static override readonly examples = ['<%= config.bin %> rebalance stop']

  async run(): Promise<unknown> {
    const {flags} = await this.parse(RebalanceStop)
    const client = this.client(flags)
    const {move, rebalance, uuid} = await client.membership.operation()
    sameCluster(client, this.found(flags).known?.uuid ?? uuid, uuid)
    await client.membership.stopRebalance()
    if (move === null) {
      this.log('No rebalance is running; nothing was changed.')
      return {rebalance: null, stopped: false}
    }
    this.log(
      `Stopped rebalance[${rebalance}]; what has not moved is served from where it is. Go on: aisctl rebalance start`,
    )
    return {rebalance, stopped: true}
  }
}
