import {ShowCommand} from '../../show-command.ts'
import {clustersPage} from '../../show/clusters-page.ts'

export default class ShowClusters extends ShowCommand {
  static override readonly summary =
    'show the clusters that this machine knows, a line of health each'
  static override readonly examples = ['<%= config.bin %> show clusters', '<%= config.bin %>']

  async run(): Promise<unknown> {
    const {flags} = await this.parse(ShowClusters)
    return this.show(flags, () => clustersPage(this.paint))
  }
}
