import {MountpathCommand, mountpathArg} from '../../../mountpath-command.ts'

export default class StorageMountpathCheck extends MountpathCommand {
  static override readonly summary = 'have a target look whether a mountpath works'
  static override readonly description =
    'One that fails or hangs is disabled within 10 seconds, and says why.'
  static override readonly strict = false
  static override readonly aliases = ['storage:mountpath:fshc']
  static override readonly examples = [
    '<%= config.bin %> storage mountpath check target-h3=/ais/mp2',
  ]
  static override readonly args = {mountpath: mountpathArg({required: true})}

  async run(): Promise<unknown> {
    const {argv, flags} = await this.parse(StorageMountpathCheck)
    const client = this.client(flags)
    return this.order(client, await this.pairs(client, argv as string[]), {verb: 'check'})
  }
}
