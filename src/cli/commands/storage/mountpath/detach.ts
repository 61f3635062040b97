import {nodeLabelOf} from '../../../../model/node.ts'
import {yesFlag} from '../../../flags.ts'
import {MountpathCommand, emptyingFlags, mountpathArg} from '../../../mountpath-command.ts'
import {confirm} from '../../../prompt.ts'
import {paragraph} from '../../../render/paragraph.ts'

export default class StorageMountpathDetach extends MountpathCommand {
  static override readonly summary = 'take a mountpath from a target'
  static override readonly description = paragraph(
    'Its objects move to the other mountpaths of the target first, and are served meanwhile. A disk that',
    'cannot be read is given up in two steps: disable it (it is, when it failed), then detach it with',
    '--no-resilver: what only it held is gone then, and is not waited for any more.',
  )
  static override readonly strict = false
  static override readonly examples = [
    '<%= config.bin %> storage mountpath detach target-h3=/ais/mp2 --wait',
    '<%= config.bin %> storage mountpath detach t[ikht8083]=/ais/mp2 --no-resilver -y',
  ]
  static override readonly args = {mountpath: mountpathArg({required: true})}
  static override readonly flags = {...emptyingFlags, yes: yesFlag}

  async run(): Promise<unknown> {
    const {argv, flags} = await this.parse(StorageMountpathDetach)
    const client = this.client(flags)
    const pairs = await this.pairs(client, argv as string[])
    const stays = flags['no-resilver']
    if (stays) {
      const names = pairs.map(({node, path}) => `${nodeLabelOf(node)} ${path}`).join(', ')
      const what = 'what lies there alone is lost to the cluster'
      await confirm(`Detach ${names} as it is? ${what}.`, {yes: flags.yes})
    }
    return this.order(client, pairs, {
      verb: 'detach',
      resilver: !stays,
      waitMs: flags.wait ? flags.timeout : undefined,
    })
  }
}
