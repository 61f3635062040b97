import {planClusterStart} from '../../../ops/cluster/start.ts'
import {LifecycleCommand} from '../../lifecycle-command.ts'

export default class ClusterStart extends LifecycleCommand {
  static override readonly summary = 'start all nodes that are stopped'
  static override readonly description =
    'Waits until the cluster says that it serves, with the same uuid, members and data.'
  static override readonly examples = ['<%= config.bin %> cluster start']

  async run(): Promise<unknown> {
    const {flags} = await this.parse(ClusterStart)
    return this.live(flags, {make: planClusterStart, nodes: []})
  }
}
