import {Args} from '@oclif/core'
import {parseAssignments} from '../../assignments.ts'
import {AisctlCommand} from '../../command.ts'
import {flatten} from '../../render/properties.ts'

export default class ConfigSet extends AisctlCommand {
  static override readonly summary = 'change settings of the cluster, and say what they were'
  static override readonly strict = false
  static override readonly examples = [
    '<%= config.bin %> config set rebalance.enabled=false',
    '<%= config.bin %> config set keepalivetracker.proxy.interval=5s fshc.error_limit=3',
  ]
  static override readonly args = {
    what: Args.string({description: 'KEY=VALUE, several after each other', required: true}),
  }

  async run(): Promise<unknown> {
    const {argv, flags} = await this.parse(ConfigSet)
    const client = this.client(flags)
    const settings = Object.fromEntries(parseAssignments(argv as string[]))
    const before = new Map(flatten(await client.clusterConfig()))
    await client.setConfig(settings)
    this.warnOf(Object.keys(settings))
    const after = new Map(flatten(await client.clusterConfig()))
    const changes = Object.keys(settings).map((key) => {
      return {key, before: before.get(key) ?? '', after: after.get(key) ?? ''}
    })
    this.print(changes.map(({key, before: was, after: is}) => `${key}: ${was} → ${is}`))
    const other = changes.find(({before: was, after: is}) => was !== is)
    if (other !== undefined) this.log(undoLine(changes))
    return {changes}
  }
}

/** The command that sets them back. */
function undoLine(changes: readonly {readonly key: string; readonly before: string}[]): string {
  const words = changes.map(({key, before}) => `${key}=${before}`)
  return `Undo: aisctl config set ${words.join(' ')}`
}
