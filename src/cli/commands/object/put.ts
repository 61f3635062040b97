import {basename} from 'node:path'
import {Args, Flags} from '@oclif/core'
import {AisError} from '../../../base/errors.ts'
import {formatSize} from '../../../base/units.ts'
import {bucketLabel, parseBucketPath} from '../../../client/buckets.ts'
import type {Body} from '../../../client/data-request.ts'
import {fileBody, withSpooled} from '../../../client/files.ts'
import type {ObjectProps} from '../../../wire/object.ts'
import {parseAssignments} from '../../assignments.ts'
import {AisctlCommand} from '../../command.ts'
import {putTree} from '../../transfer/put-tree.ts'
import {transferLine} from '../../transfer/transfer-line.ts'

export default class ObjectPut extends AisctlCommand {
  static override readonly summary = 'store a file, standard input, or all files below a directory'
  static override readonly aliases = ['put']
  static override readonly examples = [
    '<%= config.bin %> put cat.jpg ais://photos',
    '<%= config.bin %> put cat.jpg ais://photos/2026/cat.jpg',
    'tar c . | <%= config.bin %> put - ais://backups/today.tar',
    '<%= config.bin %> put --recursive ./photos ais://photos/2026/',
  ]
  static override readonly args = {
    file: Args.string({description: 'file or directory; - is standard input', required: true}),
    object: Args.string({description: 'bucket, or bucket and name', required: true}),
  }
  static override readonly flags = {
    recursive: Flags.boolean({
      char: 'r',
      description: 'all files below a directory',
      default: false,
    }),
    custom: Flags.string({
      description: 'custom metadata; may come several times',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'KEY=VALUE',
    }),
  }

  async run(): Promise<unknown> {
    const {args, flags} = await this.parse(ObjectPut)
    const {bucket, rest} = parseBucketPath(args.object)
    const {objects} = this.client(flags)
    if (flags.recursive) {
      const line = this.progress()
      const done = await putTree(objects, {directory: args.file, bucket, prefix: rest}, line)
      const label = bucketLabel(bucket)
      this.log(
        `PUT ${done.objects} files (${formatSize(done.bytes)}) => ${label}/${rest}. See them: aisctl ls ${label}`,
      )
      return {bucket: label, ...done}
    }
    const objectName = nameFor(rest, args.file)
    const custom = Object.fromEntries(parseAssignments(flags.custom ?? []))
    const line = this.progress()
    const put = (body: Body): Promise<ObjectProps> => {
      const {at} = transferLine(line, 'PUT', body.sizeBytes)
      return objects.put({bucket, objectName}, body, {custom, onBytes: at})
    }
    const props =
      args.file === '-'
        ? await withSpooled(process.stdin, put)
        : await put(await fileBody(args.file))
    line.end()
    const label = `${bucketLabel(bucket)}/${objectName}`
    this.log(
      `PUT "${args.file}" => ${label} (${formatSize(props.sizeBytes ?? 0)}). Read it: aisctl get ${label}`,
    )
    return {object: label, size: props.sizeBytes, checksum: props.checksum}
  }
}

/** `b/` and `b/dir/` take the file's own name. */
function nameFor(rest: string, file: string): string {
  if (rest !== '' && !rest.endsWith('/')) return rest
  if (file !== '-') return `${rest}${basename(file)}`
  throw new AisError({
    code: 'USAGE',
    message: 'standard input has no name',
    hint: 'say what the object is to be called: ais://BUCKET/NAME',
  })
}
