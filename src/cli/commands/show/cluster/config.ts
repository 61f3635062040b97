import {Args} from '@oclif/core'
import {ShowCommand} from '../../../show-command.ts'
import {clusterConfigPage} from '../../../show/config-page.ts'

export default class ShowClusterConfig extends ShowCommand {
  static override readonly summary = 'show the configuration of the cluster, or one section of it'
  static override readonly aliases = ['show:config:cluster']
  static override readonly examples = [
    '<%= config.bin %> show cluster config',
    '<%= config.bin %> show cluster config rebalance --json',
  ]
  static override readonly args = {
    section: Args.string({description: 'section, or the start of a dotted key'}),
  }

  async run(): Promise<unknown> {
    const {args, flags} = await this.parse(ShowClusterConfig)
    const client = this.client(flags)
    return this.show(flags, () => clusterConfigPage(client, args.section))
  }
}
