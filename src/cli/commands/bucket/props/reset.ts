import {bucketLabel, parseBucketPath} from '../../../../client/buckets.ts'
import {AisctlCommand} from '../../../command.ts'
import {bucketArg} from '../../../flags.ts'

export default class BucketPropsReset extends AisctlCommand {
  static override readonly summary = 'give a bucket the defaults of the cluster again'
  static override readonly examples = ['<%= config.bin %> bucket props reset ais://photos']
  static override readonly args = {bucket: bucketArg({required: true})}

  async run(): Promise<unknown> {
    const {args, flags} = await this.parse(BucketPropsReset)
    const {bucket} = parseBucketPath(args.bucket)
    await this.client(flags).buckets.resetProps(bucket)
    const label = bucketLabel(bucket)
    this.log(
      `Bucket props of ${label} are the defaults now. See them: aisctl bucket props show ${label}`,
    )
    return {bucket: label}
  }
}
