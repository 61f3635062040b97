import {ShowCommand} from '../../../show-command.ts'
import {statsPage} from '../../../show/stats-page.ts'

export default class ShowClusterStats extends ShowCommand {
  static override readonly summary = 'show what the targets have counted'
  static override readonly examples = ['<%= config.bin %> show cluster stats --refresh 2 --count 5']

  async run(): Promise<unknown> {
    const {flags} = await this.parse(ShowClusterStats)
    const client = this.client(flags)
    return this.show(flags, () => statsPage(client))
  }
}
