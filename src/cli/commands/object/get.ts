import {basename, join} from 'node:path'
import {existsSync, statSync} from 'node:fs'
import {Args} from '@oclif/core'
import {AisError} from '../../../base/errors.ts'
import {formatSize} from '../../../base/units.ts'
import {bucketLabel, parseBucketPath} from '../../../client/buckets.ts'
import {countedSink, fileSink, streamSink} from '../../../client/files.ts'
import type {ByteRange} from '../../../client/objects.ts'
import {AisctlCommand} from '../../command.ts'
import {sizeFlag, yesFlag} from '../../flags.ts'
import {confirm} from '../../prompt.ts'
import {transferLine} from '../../transfer/transfer-line.ts'

export default class ObjectGet extends AisctlCommand {
  static override readonly summary = 'fetch an object into a file, or to standard output'
  static override readonly aliases = ['get']
  static override readonly examples = [
    '<%= config.bin %> get ais://photos/cat.jpg',
    '<%= config.bin %> get ais://photos/cat.jpg /tmp/ -y',
    '<%= config.bin %> get ais://photos/cat.jpg --offset 1KiB --length 64KiB - | xxd',
  ]
  static override readonly args = {
    object: Args.string({description: 'bucket and name', required: true}),
    file: Args.string({
      description: 'file or directory; - is standard output; absent: its own name',
    }),
  }
  static override readonly flags = {
    offset: sizeFlag({description: 'begin at this byte'}),
    length: sizeFlag({description: 'at most so many bytes'}),
    yes: yesFlag,
  }

  async run(): Promise<unknown> {
    const {args, flags} = await this.parse(ObjectGet)
    const {bucket, rest: objectName} = parseBucketPath(args.object)
    requireName(objectName, args.object)
    const toStdout = args.file === '-'
    const file = toStdout ? '-' : fileFor(args.file, objectName)
    if (!toStdout && existsSync(file)) await confirm(`Overwrite ${file}?`, {yes: flags.yes})
    const range = rangeOf(flags)
    const {objects} = this.client(flags)
    const line = this.progress()
    const {props, bytes} = await objects.get(
      {bucket, objectName},
      {
        ...(range === undefined ? {} : {range}),
        begin: async ({sizeBytes}) => {
          const sink = toStdout ? streamSink(process.stdout) : await fileSink(file)
          return toStdout ? sink : countedSink(sink, transferLine(line, 'GET', sizeBytes).at)
        },
      },
    )
    line.end()
    if (props.stale) this.warn('answered without a lease: this may not be the newest version')
    const label = `${bucketLabel(bucket)}/${objectName}`
    if (!toStdout) this.log(`GET ${label} => ${file} (${formatSize(bytes)})`)
    return toStdout ? undefined : {object: label, file, size: bytes, checksum: props.checksum}
  }
}

function requireName(objectName: string, text: string): void {
  if (objectName !== '') return
  throw new AisError({
    code: 'USAGE',
    message: `${JSON.stringify(text)} names a bucket, not an object`,
    hint: `see what is in it: aisctl ls ${text}`,
  })
}

function fileFor(wanted: string | undefined, objectName: string): string {
  const own = basename(objectName)
  if (wanted === undefined) return own
  const isDirectory = wanted.endsWith('/') || (existsSync(wanted) && statSync(wanted).isDirectory())
  return isDirectory ? join(wanted, own) : wanted
}

function rangeOf(flags: {
  readonly offset?: number | undefined
  readonly length?: number | undefined
}): ByteRange | undefined {
  if (flags.offset === undefined && flags.length === undefined) return undefined
  const offset = flags.offset ?? 0
  return flags.length === undefined ? {offset} : {offset, length: flags.length}
}
