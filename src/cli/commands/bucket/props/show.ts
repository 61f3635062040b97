import {Args} from '@oclif/core'
import {parseBucketPath} from '../../../../client/buckets.ts'
import {bucketArg} from '../../../flags.ts'
import {ShowCommand} from '../../../show-command.ts'
import {bucketPage} from '../../../show/bucket-page.ts'

export default class BucketPropsShow extends ShowCommand {
  static override readonly summary = 'show the properties of a bucket'
  static override readonly aliases = ['show:bucket']
  static override readonly examples = ['<%= config.bin %> bucket props show ais://photos']
  static override readonly args = {
    bucket: bucketArg({required: true}),
    section: Args.string({description: 'section, or the start of a dotted key'}),
  }

  async run(): Promise<unknown> {
    const {args, flags} = await this.parse(BucketPropsShow)
    const client = this.client(flags)
    const {bucket} = parseBucketPath(args.bucket)
    return this.show(flags, () => bucketPage(client, bucket, args.section))
  }
}
