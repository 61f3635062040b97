import {Flags} from '@oclif/core'
import {
  followLogs,
  LINES_DEFAULT,
  LINES_MAX,
  readLogs,
  type LogLine,
} from '../../ops/across/logs.ts'
import {findNodes} from '../../ops/topology/find-node.ts'
import {nodesOf} from '../../ops/topology/resolve.ts'
import {nodeArg} from '../flags.ts'
import {HostsCommand} from '../hosts-command.ts'
import {hostPrefix} from '../render/host-lines.ts'
import {logText, timeWord} from '../render/log-lines.ts'

export default class Logs extends HostsCommand {
  static override readonly summary = 'what nodes have logged, merged in the order of time'
  static override readonly description = `Reads the journals of the nodes' hosts; without a node, of all of them. Times are UTC by the clock of
each host. With --json and --follow every line is one JSON object.`
  static override readonly strict = false
  static override readonly examples = [
    '<%= config.bin %> logs t[ikht8083] -f',
    '<%= config.bin %> logs --since 10m --grep rebalance',
    '<%= config.bin %> logs h3/target -n 500 --until "2026-11-21 10:00"',
  ]
  static override readonly args = {node: nodeArg()}
  static override readonly flags = {
    follow: Flags.boolean({char: 'f', description: 'go on with every new line', default: false}),
    since: Flags.string({description: 'not older than 10m, "2026-11-21 10:00", today'}),
    until: Flags.string({description: 'not newer than', exclusive: ['follow']}),
    grep: Flags.string({description: 'lines that match this regular expression'}),
    lines: Flags.integer({
      char: 'n',
      description: 'the last lines of each node',
      default: LINES_DEFAULT,
      min: 1,
      max: LINES_MAX,
    }),
  }

  async run(): Promise<unknown> {
    const {argv, flags} = await this.parse(Logs)
    return this.withFleet(flags, async (fleet) => {
      const words = argv as string[]
      const {topology} = fleet
      const nodes = words.length === 0 ? nodesOf(topology) : findNodes(topology, words)
      const since = flags.since === undefined ? {} : {since: timeWord(flags.since)}
      const until = flags.until === undefined ? {} : {until: timeWord(flags.until)}
      const grep = flags.grep === undefined ? {} : {grep: flags.grep}
      const options = {nodes, ...since, ...until, ...grep, lines: flags.lines}
      const prefix = hostPrefix(
        nodes.map(({host, instance}) => `${host}/${instance}`),
        this.paint,
      )
      if (!flags.follow) {
        const lines = await readLogs(fleet, options)
        this.print(lines.map((line) => logText(line, prefix, this.paint)))
        return {lines}
      }
      const stopped = new AbortController()
      process.once('SIGINT', () => stopped.abort())
      await followLogs(fleet, {
        ...options,
        signal: stopped.signal,
        onLines: (lines) => {
          for (const line of lines) process.stdout.write(`${this.followed(line, prefix)}\n`)
        },
        onLost: ({message}) => this.warn(message),
      })
      return undefined
    })
  }

  /** After following, everything has been said. */
  protected override logJson(json: unknown): void {
    if (json !== undefined) super.logJson(json)
  }

  private followed(line: LogLine, prefix: (host: string) => string): string {
    return this.jsonEnabled() ? JSON.stringify(line) : logText(line, prefix, this.paint)
  }
}
