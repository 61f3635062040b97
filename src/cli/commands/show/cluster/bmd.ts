import {ShowCommand} from '../../../show-command.ts'
import {bmdPage} from '../../../show/bmd-page.ts'

export default class ShowClusterBmd extends ShowCommand {
  static override readonly summary = 'show the bucket metadata'
  static override readonly aliases = ['show:bmd']
  static override readonly examples = ['<%= config.bin %> show cluster bmd']

  async run(): Promise<unknown> {
    const {flags} = await this.parse(ShowClusterBmd)
    const client = this.client(flags)
    return this.show(flags, () => bmdPage(client))
  }
}
