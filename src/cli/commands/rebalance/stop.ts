import {Args, Flags} from '@oclif/core'
import {sameCluster} from '../../../client/look-until.ts'
import {noSuchRebalance} from '../../../client/rebalance.ts'
import {AisctlCommand} from '../../command.ts'
import {paragraph} from '../../render/paragraph.ts'

export default class RebalanceStop extends AisctlCommand {
  static override readonly summary = 'stop moving objects; what was moved stays'
  static override readonly description = paragraph(
    'Nothing is lost, and every object is served by whoever has it. Refused while a node is being',
    'taken out: take that back instead (node maintenance stop). With --force the node stays out of',
    'service, and the cluster remembers that its data has not moved.',
  )
  static override readonly aliases = ['stop:rebalance']
  static override readonly examples = [
    '<%= config.bin %> rebalance stop',
    '<%= config.bin %> rebalance stop g3 --force',
  ]
  static override readonly args = {
    rebalance: Args.string({description: 'this one alone, g3; the one that goes on without it'}),
  }
  static override readonly flags = {
    force: Flags.boolean({
      description: 'though it moves the data of nodes that are being taken out',
      default: false,
    }),
  }

  async run(): Promise<unknown> {
    const {args, flags} = await this.parse(RebalanceStop)
    const client = this.client(flags)
    const before = await client.membership.operation()
    const {move, rebalance, uuid, rebalances} = before
    sameCluster(client, this.found(flags).known?.uuid ?? uuid, uuid)
    const id = args.rebalance ?? rebalance
    const known = rebalances.find((note) => note.id === id)
    if (args.rebalance !== undefined && known === undefined) throw noSuchRebalance(id, before)
    await client.membership.stopRebalance({...(id === '' ? {} : {id}), force: flags.force})
    if (move === null || id !== rebalance) {
      const why = args.rebalance === undefined ? 'No rebalance is running' : `${id} is over`
      this.log(`${why}; nothing was changed. See it: aisctl show rebalance --all`)
      return {rebalance: null, stopped: false}
    }
    const out = before.op === null ? '' : `; ${before.op.nodes.join(', ')} stays out of service`
    this.log(
      `Stopped rebalance[${id}]; what has not moved is served from where it is${out}. Go on: aisctl rebalance start`,
    )
    return {rebalance: id, stopped: true}
  }
}
