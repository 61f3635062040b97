import {Flags} from '@oclif/core'
import {MountpathCommand, mountpathArg} from '../../../mountpath-command.ts'
import {paragraph} from '../../../render/paragraph.ts'

export default class StorageMountpathAttach extends MountpathCommand {
  static override readonly summary = 'give a target another mountpath'
  static override readonly description = paragraph(
    'The directory is the root of a mounted filesystem, empty or used by this target before. It takes',
    'its share of the objects at once, and what is there already moves to it in the background. It',
    'stays attached when the node is restarted.',
  )
  static override readonly strict = false
  static override readonly examples = [
    '<%= config.bin %> storage mountpath attach target-h3=/ais/mp4',
    '<%= config.bin %> storage mountpath attach t[ikht8083]=/ais/mp4 --label nvme',
  ]
  static override readonly args = {mountpath: mountpathArg({required: true})}
  static override readonly flags = {
    label: Flags.string({
      description: 'word for the kind of disk; several mountpaths may share a filesystem under one',
      default: '',
    }),
  }

  async run(): Promise<unknown> {
    const {argv, flags} = await this.parse(StorageMountpathAttach)
    const client = this.client(flags)
    const pairs = await this.pairs(client, argv as string[])
    return this.order(client, pairs, {verb: 'attach', label: flags.label})
  }
}
