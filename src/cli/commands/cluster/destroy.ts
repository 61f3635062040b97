import {Flags} from '@oclif/core'
import {planClusterDestroy} from '../../../ops/cluster/destroy.ts'
import {durationFlag} from '../../flags.ts'
import {LifecycleCommand} from '../../lifecycle-command.ts'
import {paragraph} from '../../render/paragraph.ts'

/** Wiping takes as long as it takes to remove every file. */
const PATIENCE_MS = 3_600_000

export default class ClusterDestroy extends LifecycleCommand {
  static override readonly summary = 'end a deployed cluster and remove it from its hosts'
  static override readonly description = paragraph(
    'As cluster decommission; then units, programs, configuration and state are removed from every',
    'host, and what this machine keeps of it. The objects stay on the disks unless --wipe. Asks for the',
    'name of the cluster unless --yes. Nothing ends before every host has been reached; a host that is',
    'left out (--skip-unreachable) is named, and the same command cleans it up later.',
  )
  static override readonly examples = [
    '<%= config.bin %> cluster destroy',
    '<%= config.bin %> cluster destroy --wipe --yes',
  ]
  static override readonly flags = {
    'wipe': Flags.boolean({
      description: 'wipe the objects on all disks; this cannot be undone',
      default: false,
    }),
    'skip-unreachable': Flags.boolean({
      description: 'go on without hosts that cannot be reached',
      default: false,
    }),
    'timeout': durationFlag({description: 'how long it may take', default: PATIENCE_MS}),
  }

  async run(): Promise<unknown> {
    const {flags} = await this.parse(ClusterDestroy)
    const {wipe, 'skip-unreachable': skipUnreachable} = flags
    return this.live(flags, {
      make: (options) => planClusterDestroy({...options, wipe, skipUnreachable}),
      nodes: [],
      byName: true,
    })
  }
}
