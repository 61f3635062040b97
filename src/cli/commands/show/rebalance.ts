import {Args, Flags} from '@oclif/core'
import {paragraph} from '../../render/paragraph.ts'
import {ShowCommand} from '../../show-command.ts'
import {rebalancePage} from '../../show/rebalance-page.ts'

export default class ShowRebalance extends ShowCommand {
  static override readonly summary = 'show what each target has moved, what is left, and how long'
  static override readonly description = paragraph(
    'As the primary hears it from the targets. LEFT counts objects as far as a target has looked;',
    'the rate is that of the last seconds. The record of the cluster remembers the last ones: --all.',
  )
  static override readonly aliases = ['rebalance:status', 'show:job:rebalance']
  static override readonly examples = [
    '<%= config.bin %> show rebalance',
    '<%= config.bin %> show rebalance --refresh 2',
    '<%= config.bin %> show rebalance --all --json',
  ]
  static override readonly args = {
    rebalance: Args.string({description: 'its id, g3; the one that goes on without it'}),
  }
  static override readonly flags = {
    all: Flags.boolean({description: 'those that are over, too', default: false}),
  }

  async run(): Promise<unknown> {
    const {args, flags} = await this.parse(ShowRebalance)
    const client = this.client(flags)
    const {rebalance} = args
    return this.show(flags, () =>
      rebalancePage(client, {
        all: flags.all,
        ...(rebalance === undefined ? {} : {id: rebalance}),
        paint: this.paint,
      }),
    )
  }
}
