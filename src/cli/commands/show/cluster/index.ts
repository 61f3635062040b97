import {nodeArg} from '../../../flags.ts'
import {ShowCommand} from '../../../show-command.ts'
import {clusterPage, nodePage} from '../../../show/cluster-page.ts'

export default class ShowCluster extends ShowCommand {
  static override readonly summary = 'show proxies, targets and the state of the cluster'
  static override readonly description =
    '[P] marks the primary, [x] a node that is not active; ALERT appears when there is one.'
  static override readonly examples = [
    '<%= config.bin %> show cluster',
    '<%= config.bin %> show cluster --refresh 3',
    '<%= config.bin %> show cluster t[ikht8083] --json',
  ]
  static override readonly args = {node: nodeArg()}

  async run(): Promise<unknown> {
    const {args, flags} = await this.parse(ShowCluster)
    const client = this.client(flags)
    const {node} = args
    return this.show(flags, () =>
      node === undefined ? clusterPage(client, this.paint) : nodePage(client, node, this.paint),
    )
  }
}
