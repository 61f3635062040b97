import {Flags} from '@oclif/core'
import {formatUtc} from '../../base/utc.ts'
import {openCluster} from '../../client/cluster.ts'
import {pastEvents, type ClusterEvent} from '../../client/events.ts'
import {lookAtCluster, watchEvents} from '../../client/watch-events.ts'
import {AisctlCommand} from '../command.ts'

export default class Events extends AisctlCommand {
  static override readonly summary =
    'what has happened to the cluster: elections, members, rebalances'
  static override readonly description = `Tells what the cluster's record remembers; with --follow, goes on with every change of primary, member,
operation and rebalance, whichever gateway fails meanwhile. With --json and --follow every event is
one JSON object.`
  static override readonly examples = ['<%= config.bin %> events', '<%= config.bin %> events -f']
  static override readonly flags = {
    follow: Flags.boolean({char: 'f', description: 'go on with what happens', default: false}),
  }

  async run(): Promise<unknown> {
    const {flags} = await this.parse(Events)
    if (!flags.follow) {
      const events = pastEvents(await lookAtCluster(this.client(flags)))
      this.print(events.map(eventText))
      return {events}
    }
    const stopped = new AbortController()
    process.once('SIGINT', () => stopped.abort())
    const {endpoints} = this.found(flags)
    await watchEvents(openCluster({endpoints, signal: stopped.signal}), {
      signal: stopped.signal,
      onEvents: (events) => {
        for (const event of events) process.stdout.write(`${this.followed(event)}\n`)
      },
      onSilence: ({message}) => this.warn(`${message}; looking again`),
    })
    return undefined
  }

  /** After following, everything has been said. */
  protected override logJson(json: unknown): void {
    if (json !== undefined) super.logJson(json)
  }

  private followed(event: ClusterEvent): string {
    return this.jsonEnabled() ? JSON.stringify(event) : eventText(event)
  }
}

function eventText({atMs, kind, text}: ClusterEvent): string {
  return `${formatUtc(atMs)}  ${kind.padEnd(9)}  ${text}`
}
