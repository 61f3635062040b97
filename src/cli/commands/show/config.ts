import {Args} from '@oclif/core'
import {nodeArg} from '../../flags.ts'
import {ShowCommand} from '../../show-command.ts'
import {clusterConfigPage, nodeConfigPage} from '../../show/config-page.ts'

export default class ShowConfig extends ShowCommand {
  static override readonly summary =
    'show the configuration of the cluster, or of a node: inherited and its own'
  static override readonly aliases = ['config:node']
  static override readonly examples = [
    '<%= config.bin %> show config',
    '<%= config.bin %> show config cluster rebalance',
    '<%= config.bin %> show config t[ikht8083] local --json',
  ]
  static override readonly args = {
    node: nodeArg(),
    scope: Args.string({description: 'which half', options: ['inherited', 'local']}),
    section: Args.string({description: 'section, or the start of a dotted key'}),
  }

  async run(): Promise<unknown> {
    const {args, flags} = await this.parse(ShowConfig)
    const client = this.client(flags)
    const scope = args.scope as 'inherited' | 'local' | undefined
    const {node, section} = args
    return this.show(flags, () =>
      node === undefined
        ? clusterConfigPage(client, undefined)
        : nodeConfigPage(client, {node, scope, section}),
    )
  }
}
