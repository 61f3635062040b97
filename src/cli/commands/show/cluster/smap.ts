import {nodeArg} from '../../../flags.ts'
import {ShowCommand} from '../../../show-command.ts'
import {smapPage} from '../../../show/smap-page.ts'

export default class ShowClusterSmap extends ShowCommand {
  static override readonly summary = 'show the cluster map as the gateway, or a node, holds it'
  static override readonly aliases = ['show:smap']
  static override readonly examples = ['<%= config.bin %> show cluster smap --json']
  static override readonly args = {node: nodeArg()}

  async run(): Promise<unknown> {
    const {args, flags} = await this.parse(ShowClusterSmap)
    const client = this.client(flags)
    return this.show(flags, () => smapPage(client, args.node))
  }
}
