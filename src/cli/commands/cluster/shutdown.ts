import {planClusterShutdown} from '../../../ops/cluster/shutdown.ts'
import {LifecycleCommand} from '../../lifecycle-command.ts'

export default class ClusterShutdown extends LifecycleCommand {
  static override readonly summary = 'stop all nodes in order: targets, gateways, the primary last'
  static override readonly description =
    'Data, uuid and map are kept. Asks for the name of the cluster unless --yes.'
  static override readonly examples = ['<%= config.bin %> cluster shutdown']

  async run(): Promise<unknown> {
    const {flags} = await this.parse(ClusterShutdown)
    return this.live(flags, {make: planClusterShutdown, nodes: [], byName: true})
  }
}
