import {nodeArg} from '../../../flags.ts'
import {ShowCommand} from '../../../show-command.ts'
import {rolePage} from '../../../show/cluster-page.ts'

export default class ShowClusterProxy extends ShowCommand {
  static override readonly summary = 'show the gateways of the cluster'
  static override readonly examples = ['<%= config.bin %> show cluster proxy --refresh 3']
  static override readonly args = {node: nodeArg()}

  async run(): Promise<unknown> {
    const {args, flags} = await this.parse(ShowClusterProxy)
    const client = this.client(flags)
    return this.show(flags, () => rolePage(client, 'proxy', {node: args.node, paint: this.paint}))
  }
}
