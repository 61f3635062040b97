import {Flags} from '@oclif/core'
import {AisctlCommand} from '../command.ts'
import {bucketArg} from '../flags.ts'
import {bucketLabel, parseBucketPath} from '../../client/buckets.ts'
import type {ListEntry} from '../../wire/list.ts'
import {renderTable} from '../render/table.ts'
import {ALL_PROPS, explainMissing, objectLines, readPages} from '../show/object-list.ts'

export default class List extends AisctlCommand {
  static override readonly summary = 'list buckets, or the objects of one'
  static override readonly aliases = ['bucket:ls', 'object:ls']
  static override readonly examples = [
    '<%= config.bin %> ls',
    '<%= config.bin %> ls ais://photos',
    '<%= config.bin %> ls ais://photos/2026/ --props all',
  ]
  static override readonly args = {bucket: bucketArg({description: 'bucket, or bucket and prefix'})}
  static override readonly flags = {
    'prefix': Flags.string({description: 'only names that begin so'}),
    'props': Flags.string({description: 'properties to show, by commas, or all', default: 'size'}),
    'limit': Flags.integer({description: 'at most so many names', min: 1}),
    'start-after': Flags.string({description: 'names after this one'}),
    'page-size': Flags.integer({description: 'names asked for at a time', min: 1, max: 10_000}),
    'partial': Flags.boolean({
      description: 'list what can be listed, though a target cannot be asked',
      default: false,
    }),
    'name-only': Flags.boolean({description: 'names alone, one per line', default: false}),
  }

  async run(): Promise<unknown> {
    const {args, flags} = await this.parse(List)
    return args.bucket === undefined ? this.listBuckets(flags) : this.listObjects(args.bucket)
  }

  private async listBuckets(flags: {readonly cluster?: string | undefined}): Promise<unknown> {
    const buckets = await this.client(flags).buckets.list()
    const none = ['No buckets yet. Make one: aisctl bucket create b1']
    const table = renderTable(buckets, [
      {heading: 'NAME', cell: bucketLabel},
      {heading: 'PRESENT', cell: () => 'yes'},
    ])
    const total = `Total: [AIS buckets: ${buckets.length}] ========`
    this.print(buckets.length === 0 ? none : [...table, total])
    return buckets
  }

  private async listObjects(text: string): Promise<unknown> {
    const {flags} = await this.parse(List)
    const {bucket, rest} = parseBucketPath(text)
    const props =
      flags.props === 'all' ? ALL_PROPS : flags.props.split(',').map((one) => one.trim())
    const options = {
      prefix: flags.prefix ?? rest,
      after: flags['start-after'] ?? '',
      props: flags['name-only'] ? [] : props.filter((prop) => prop !== 'name'),
      pageSize: flags['page-size'],
      limit: flags.limit,
      partial: flags.partial,
    }
    const entries: ListEntry[] = []
    let incomplete = false
    let empty = true
    try {
      for await (const page of readPages(this.client(flags), bucket, options)) {
        incomplete ||= page.incomplete
        if (this.jsonEnabled()) entries.push(...page.entries)
        else if (flags['name-only']) this.print(page.entries.map(({name}) => name))
        else if (page.entries.length > 0) this.print(objectLines(page.entries, props, empty))
        empty &&= page.entries.length === 0
      }
    } catch (error) {
      explainMissing(error)
    }
    if (empty && !flags['name-only']) this.log(`No objects in ${bucketLabel(bucket)}`)
    if (incomplete) this.warn('a target cannot be asked: the list is incomplete')
    return {bucket: bucketLabel(bucket), entries, incomplete}
  }
}
