import {Args, Flags} from '@oclif/core'
import {AisError} from '../../../base/errors.ts'
import {bucketLabel, parseBucketPath} from '../../../client/buckets.ts'
import {mapParallel} from '../../../client/cluster.ts'
import {AisctlCommand} from '../../command.ts'
import {yesFlag} from '../../flags.ts'
import {confirm} from '../../prompt.ts'
import {readNames} from '../../show/object-list.ts'

export default class ObjectRemove extends AisctlCommand {
  static override readonly summary = 'delete objects'
  static override readonly aliases = ['rm']
  static override readonly strict = false
  static override readonly examples = [
    '<%= config.bin %> rm ais://photos/cat.jpg',
    '<%= config.bin %> rm ais://photos --prefix 2025/ -y',
  ]
  static override readonly args = {
    object: Args.string({description: 'bucket and name, and more of them', required: true}),
  }
  static override readonly flags = {
    prefix: Flags.string({description: 'all objects whose names begin so'}),
    all: Flags.boolean({description: 'all objects of the bucket', default: false}),
    yes: yesFlag,
  }

  async run(): Promise<unknown> {
    const {argv, flags} = await this.parse(ObjectRemove)
    const client = this.client(flags)
    const paths = (argv as string[]).map(parseBucketPath)
    const [first] = paths
    if (first !== undefined && (flags.all || flags.prefix !== undefined)) {
      return this.removeMany(client, {
        bucket: first.bucket,
        prefix: flags.prefix ?? '',
        yes: flags.yes,
      })
    }
    const deleted: string[] = []
    for (const {bucket, rest: objectName} of paths) {
      if (objectName === '') throw notAnObject(bucketLabel(bucket))
      await client.objects.delete({bucket, objectName})
      deleted.push(`${bucketLabel(bucket)}/${objectName}`)
      this.log(`deleted "${objectName}" from ${bucketLabel(bucket)}`)
    }
    return {deleted}
  }

  private async removeMany(
    client: ReturnType<AisctlCommand['client']>,
    {bucket, prefix, yes}: Removal,
  ): Promise<unknown> {
    const label = `${bucketLabel(bucket)}/${prefix}`
    const all = {prefix, after: '', props: [], pageSize: undefined, limit: undefined}
    const {entries} = await readNames(client, bucket, all)
    if (entries.length === 0) {
      this.log(`No objects in ${label}; nothing was changed`)
      return {deleted: []}
    }
    await confirm(`Delete ${entries.length} objects from ${label}?`, {yes})
    const line = this.progress()
    let done = 0
    await mapParallel(entries, async ({name: objectName}) => {
      await client.objects.delete({bucket, objectName})
      line.show(`${++done} of ${entries.length} objects deleted`)
    })
    line.end()
    this.log(`deleted ${entries.length} objects from ${label}`)
    return {deleted: entries.map(({name}) => `${bucketLabel(bucket)}/${name}`)}
  }
}

interface Removal {
  readonly bucket: ReturnType<typeof parseBucketPath>['bucket']
  readonly prefix: string
  readonly yes: boolean
}

function notAnObject(label: string): AisError {
  return new AisError({
    code: 'USAGE',
    message: `${label} is a bucket, not an object`,
    hint: `its objects: aisctl rm ${label} --all · the bucket with everything in it: aisctl bucket rm ${label}`,
  })
}
