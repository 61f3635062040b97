import {Args} from '@oclif/core'
import {AisError} from '../../../base/errors.ts'
import {formatSize, MIB} from '../../../base/units.ts'
import {bucketLabel, parseBucketPath} from '../../../client/buckets.ts'
import {memorySink, streamSink} from '../../../client/files.ts'
import {AisctlCommand} from '../../command.ts'

/** An object within JSON is held in memory, half as large again. */
const JSON_BYTES_MAX = 16 * MIB

export default class ObjectCat extends AisctlCommand {
  static override readonly summary = 'write an object to standard output'
  static override readonly aliases = ['cat']
  static override readonly examples = ['<%= config.bin %> cat ais://notes/today.txt | less']
  static override readonly args = {
    object: Args.string({description: 'bucket and name', required: true}),
  }

  async run(): Promise<unknown> {
    const {args, flags} = await this.parse(ObjectCat)
    const {bucket, rest: objectName} = parseBucketPath(args.object)
    if (objectName === '') {
      throw new AisError({
        code: 'USAGE',
        message: `${JSON.stringify(args.object)} names a bucket, not an object`,
        hint: `see what is in it: aisctl ls ${args.object}`,
      })
    }
    const {objects} = this.client(flags)
    const chunks: Uint8Array[] = []
    const {props, bytes} = await objects.get(
      {bucket, objectName},
      {
        begin: async ({sizeBytes}) => {
          if (!this.jsonEnabled()) return streamSink(process.stdout)
          if ((sizeBytes ?? 0) > JSON_BYTES_MAX) throw tooLarge(args.object)
          return memorySink(chunks)
        },
      },
    )
    const object = `${bucketLabel(bucket)}/${objectName}`
    const content = Buffer.concat(chunks).toString('base64')
    return {object, size: bytes, checksum: props.checksum, contentBase64: content}
  }
}

function tooLarge(object: string): AisError {
  return new AisError({
    code: 'TOO_LARGE',
    message: `${object} is larger than ${formatSize(JSON_BYTES_MAX)}, too large for JSON`,
    hint: `fetch it into a file: aisctl get ${object}`,
  })
}
