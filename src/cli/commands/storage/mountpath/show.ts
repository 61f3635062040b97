import {nodeArg} from '../../../flags.ts'
import {ShowCommand} from '../../../show-command.ts'
import {mountpathsPage} from '../../../show/mountpaths-page.ts'

export default class StorageMountpathShow extends ShowCommand {
  static override readonly summary = 'show the mountpaths of the targets'
  static override readonly aliases = ['show:storage:mountpath']
  static override readonly examples = ['<%= config.bin %> storage mountpath show']
  static override readonly args = {node: nodeArg()}

  async run(): Promise<unknown> {
    const {args, flags} = await this.parse(StorageMountpathShow)
    const client = this.client(flags)
    return this.show(flags, () => mountpathsPage(client, args.node, this.paint))
  }
}
