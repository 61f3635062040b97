import {Args, Flags} from '@oclif/core'
import {bucketLabel, parseBucketPath} from '../../../client/buckets.ts'
import {AisctlCommand} from '../../command.ts'
import {yesFlag} from '../../flags.ts'
import {confirm} from '../../prompt.ts'
import {readNames} from '../../show/object-list.ts'

export default class BucketRemove extends AisctlCommand {
  static override readonly summary = 'destroy buckets with everything in them'
  static override readonly strict = false
  static override readonly examples = ['<%= config.bin %> bucket rm ais://photos -y']
  static override readonly args = {
    bucket: Args.string({description: 'bucket, and more of them', required: true}),
  }
  static override readonly flags = {
    yes: yesFlag,
    now: Flags.boolean({
      description: 'remove the data at once; it cannot be fetched back from the trash',
      default: false,
    }),
  }

  async run(): Promise<unknown> {
    const {argv, flags} = await this.parse(BucketRemove)
    const client = this.client(flags)
    const destroyed: string[] = []
    for (const {bucket} of (argv as string[]).map(parseBucketPath)) {
      const label = bucketLabel(bucket)
      const first = {prefix: '', after: '', props: [], pageSize: undefined, limit: 1}
      const {entries} = flags.yes ? {entries: []} : await readNames(client, bucket, first)
      if (entries.length > 0) {
        await confirm(`${label} holds objects. Destroy it with all of them?`, {yes: flags.yes})
      }
      await client.buckets.destroy(bucket, flags.now)
      destroyed.push(label)
      this.log(`"${label}" destroyed. What is left: aisctl ls`)
    }
    return {destroyed}
  }
}
