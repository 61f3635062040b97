import {MountpathCommand, emptyingFlags, mountpathArg} from '../../../mountpath-command.ts'
import {paragraph} from '../../../render/paragraph.ts'

export default class StorageMountpathDisable extends MountpathCommand {
  static override readonly summary = 'take a mountpath out of use, and leave it configured'
  static override readonly description = paragraph(
    'It takes no new writes at once; its objects move to the other mountpaths of the target first, and',
    'are served meanwhile. With --no-resilver it goes at once: objects that lie there alone answer 503',
    'until it is enabled or they are written again. Nothing is lost either way.',
  )
  static override readonly strict = false
  static override readonly examples = [
    '<%= config.bin %> storage mountpath disable target-h3=/ais/mp2 --wait',
    '<%= config.bin %> storage mountpath disable t[ikht8083]=/ais/mp2 --no-resilver',
  ]
  static override readonly args = {mountpath: mountpathArg({required: true})}
  static override readonly flags = emptyingFlags

  async run(): Promise<unknown> {
    const {argv, flags} = await this.parse(StorageMountpathDisable)
    const client = this.client(flags)
    return this.order(client, await this.pairs(client, argv as string[]), {
      verb: 'disable',
      resilver: !flags['no-resilver'],
      waitMs: flags.wait ? flags.timeout : undefined,
    })
  }
}
