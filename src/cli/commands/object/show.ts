import {Args} from '@oclif/core'
import {formatSize} from '../../../base/units.ts'
import {bucketLabel, parseBucketPath} from '../../../client/buckets.ts'
import {formatRfc822} from '../../../wire/time.ts'
import {ShowCommand} from '../../show-command.ts'
import {propertyTable} from '../../render/properties.ts'

export default class ObjectShow extends ShowCommand {
  static override readonly summary = 'show the properties of an object'
  static override readonly aliases = ['show:object']
  static override readonly examples = ['<%= config.bin %> object show ais://photos/cat.jpg']
  static override readonly args = {
    object: Args.string({description: 'bucket and name', required: true}),
  }

  async run(): Promise<unknown> {
    const {args, flags} = await this.parse(ObjectShow)
    const client = this.client(flags)
    const {bucket, rest: objectName} = parseBucketPath(args.object)
    const name = `${bucketLabel(bucket)}/${objectName}`
    return this.show(flags, async () => {
      const props = await client.objects.head({bucket, objectName})
      const {checksum, custom} = props
      const pairs: readonly (readonly [string, string])[] = [
        ['atime', props.atimeNs === null ? '-' : formatRfc822(props.atimeNs)],
        ['checksum', checksum === null ? '-' : `${checksum.type}[${checksum.value}]`],
        [
          'custom',
          Object.entries(custom)
            .map((pair) => pair.join('='))
            .join(', ') || '-',
        ],
        ['location', props.location ?? '-'],
        ['name', name],
        ['size', formatSize(props.sizeBytes ?? 0)],
        ['version', props.version ?? '-'],
      ]
      return {lines: propertyTable(pairs), json: {name, ...props}}
    })
  }
}
