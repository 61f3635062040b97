import {Flags} from '@oclif/core'
import {planClusterShutdown} from '../../../ops/cluster/shutdown.ts'
import {LifecycleCommand, type LifecycleFlags} from '../../lifecycle-command.ts'
import {paragraph} from '../../render/paragraph.ts'
import {endWhole} from '../../whole-cluster.ts'

export default class ClusterShutdown extends LifecycleCommand {
  static override readonly summary = 'stop all nodes in order: targets, gateways, the primary last'
  static override readonly description = paragraph(
    'Data, uuid and map are kept. Asks for the name of the cluster unless --yes. A deployed cluster',
    'is stopped through its units, any other by the order that AIStore has for it. Nothing is stopped',
    'before every host has been reached; one whose nodes the cluster knows to be absent or lost is left',
    'out by itself, any other by --skip-unreachable. Exit code 6: all is off but what was left out.',
  )
  static override readonly examples = [
    '<%= config.bin %> cluster shutdown',
    '<%= config.bin %> cluster shutdown --cluster http://10.0.0.5:51080 --yes',
  ]

  static override readonly flags = {
    'skip-unreachable': Flags.boolean({
      description: 'go on without hosts that cannot be reached',
      default: false,
    }),
  }

  async run(): Promise<unknown> {
    const {flags} = await this.parse(ClusterShutdown)
    const deployed = flags.topology ?? this.found(flags).known?.topologyFile
    if (deployed === undefined) return this.byOrder(flags)
    const skipUnreachable = flags['skip-unreachable']
    return this.live(flags, {
      make: (options) => planClusterShutdown({...options, skipUnreachable}),
      nodes: [],
      byName: true,
    })
  }

  private byOrder(flags: LifecycleFlags): Promise<unknown> {
    const {known} = this.found(flags)
    const start =
      known?.kind === 'playground'
        ? `aisctl playground up --name ${known.name}`
        : 'start aisnode on each of its hosts'
    return endWhole({
      client: this.client(flags),
      name: known?.name,
      uuid: known?.uuid,
      order: {action: 'shutdown', removeUserData: false, keepInitialConfig: false},
      yes: flags.yes,
      dryRun: flags['dry-run'],
      timeoutMs: flags.timeout,
      question: (name, nodes) => `Shut ${name} down, ${nodes} nodes?`,
      conclude: (name) => `${name} is off; its data, uuid and map are kept. Start it: ${start}`,
      log: (text) => this.log(text),
      line: this.progress(),
    })
  }
}
