import {MountpathCommand, mountpathArg} from '../../../mountpath-command.ts'
import {paragraph} from '../../../render/paragraph.ts'

export default class StorageMountpathEnable extends MountpathCommand {
  static override readonly summary = 'take a mountpath that is disabled back into use'
  static override readonly description = paragraph(
    'No restart is needed. What was overwritten or deleted meanwhile stays so, whatever the disk says.',
    'An empty disk in the place of a broken one is taken, too; what only the old one held is gone',
    'then, and is not waited for any more. On one that is being emptied the objects come back.',
  )
  static override readonly strict = false
  static override readonly examples = [
    '<%= config.bin %> storage mountpath enable target-h3=/ais/mp2',
  ]
  static override readonly args = {mountpath: mountpathArg({required: true})}

  async run(): Promise<unknown> {
    const {argv, flags} = await this.parse(StorageMountpathEnable)
    const client = this.client(flags)
    return this.order(client, await this.pairs(client, argv as string[]), {verb: 'enable'})
  }
}
