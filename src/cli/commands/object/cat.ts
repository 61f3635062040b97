import {Args} from '@oclif/core'
import {AisError} from '../../../base/errors.ts'
import {parseBucketPath} from '../../../client/buckets.ts'
import {streamSink} from '../../../client/files.ts'
import {AisctlCommand} from '../../command.ts'

export default class ObjectCat extends AisctlCommand {
  static override readonly summary = 'Write an object to standard output.'
  static override readonly aliases = ['cat']
  static override readonly enableJsonFlag = false
  static override readonly examples = ['<%= config.bin %> cat ais://notes/today.txt | less']
  static override readonly args = {
    object: Args.string({description: 'bucket and name', required: true}),
  }

  async run(): Promise<void> {
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
    const begin = async (): Promise<ReturnType<typeof streamSink>> => streamSink(process.stdout)
    await objects.get({bucket, objectName}, {begin})
  }
}
