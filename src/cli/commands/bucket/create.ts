import {Args, Flags} from '@oclif/core'
import {AisError} from '../../../base/errors.ts'
import {bucketLabel, parseBucketPath} from '../../../client/buckets.ts'
import {parseAssignments} from '../../assignments.ts'
import {AisctlCommand} from '../../command.ts'
import {nest} from '../../render/properties.ts'

export default class BucketCreate extends AisctlCommand {
  static override readonly summary = 'create buckets'
  static override readonly strict = false
  static override readonly examples = [
    '<%= config.bin %> bucket create photos',
    '<%= config.bin %> bucket create ais://scratch --props durability=relaxed',
  ]
  static override readonly args = {
    bucket: Args.string({description: 'bucket, and more of them', required: true}),
  }
  static override readonly flags = {
    'props': Flags.string({
      description: 'property of the new buckets; may come several times',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'KEY=VALUE',
    }),
    'ignore-error': Flags.boolean({description: 'one that exists is no error', default: false}),
  }

  async run(): Promise<unknown> {
    const {argv, flags} = await this.parse(BucketCreate)
    const words = argv as string[]
    const names = words.filter((word) => !word.includes('='))
    // AIStore's spelling: --props a=1 b=2
    const props = [...(flags.props ?? []), ...words.filter((word) => word.includes('='))]
    const {buckets} = this.client(flags)
    const created: string[] = []
    for (const {bucket} of names.map(parseBucketPath)) {
      try {
        await buckets.create(bucket, props.length === 0 ? undefined : nest(parseAssignments(props)))
        created.push(bucketLabel(bucket))
        this.log(
          `"${bucketLabel(bucket)}" created. Store something: aisctl put FILE ${bucketLabel(bucket)}`,
        )
      } catch (error) {
        const exists = error instanceof AisError && error.code === 'BUCKET_EXISTS'
        if (!exists || !flags['ignore-error']) throw error
        this.log(`"${bucketLabel(bucket)}" exists already; nothing was changed`)
      }
    }
    return {created}
  }
}
