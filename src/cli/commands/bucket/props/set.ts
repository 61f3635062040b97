import {Args} from '@oclif/core'
import {bucketLabel, parseBucketPath} from '../../../../client/buckets.ts'
import {parseAssignments} from '../../../assignments.ts'
import {AisctlCommand} from '../../../command.ts'
import {flatten, nest} from '../../../render/properties.ts'

export default class BucketPropsSet extends AisctlCommand {
  static override readonly summary = 'set properties of a bucket'
  static override readonly strict = false
  static override readonly examples = [
    '<%= config.bin %> bucket props set ais://photos checksum.type=sha256',
  ]
  static override readonly args = {
    bucket: Args.string({description: 'bucket', required: true}),
    setting: Args.string({description: 'KEY=VALUE, and more of them', required: true}),
  }

  async run(): Promise<unknown> {
    const {argv, flags} = await this.parse(BucketPropsSet)
    const [name = '', ...words] = argv as string[]
    const {bucket} = parseBucketPath(name)
    const settings = parseAssignments(words)
    const {buckets} = this.client(flags)
    const before = new Map(flatten(await buckets.props(bucket)))
    const jobId = await buckets.setProps(bucket, nest(settings))
    const after = new Map(flatten(await buckets.props(bucket)))
    this.warnOf(settings.map(([key]) => key))
    for (const [key] of settings) {
      const [was, is] = [before.get(key) ?? '', after.get(key) ?? '']
      this.log(
        was === is ? `"${key}" is "${is}" already` : `"${key}" set to: "${is}" (was: "${was}")`,
      )
    }
    this.log(
      `\nBucket props successfully updated. See all: aisctl bucket props show ${bucketLabel(bucket)}`,
    )
    return {bucket: bucketLabel(bucket), set: Object.fromEntries(settings), jobId}
  }
}
