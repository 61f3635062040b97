import {planNodeRestart} from '../../../ops/node/restart.ts'
import {LifecycleCommand} from '../../lifecycle-command.ts'
import {paragraph} from '../../render/paragraph.ts'
import {sequenceFlags} from '../../sequence-flags.ts'

export default class ClusterRestart extends LifecycleCommand {
  static override readonly summary = 'restart all nodes, one after the other'
  static override readonly description = paragraph(
    'As node restart, of all nodes: targets, then gateways, one failure domain (zone) after the other,',
    'the primary last. The cluster serves all the while; the share of a target answers 503 until it is',
    'back, which clients repeat by themselves.',
  )
  static override readonly examples = [
    '<%= config.bin %> cluster restart',
    '<%= config.bin %> cluster restart --max-failed 1 --yes',
  ]
  static override readonly flags = sequenceFlags

  async run(): Promise<unknown> {
    const {flags} = await this.parse(ClusterRestart)
    const {'max-failed': maxFailed, ungated} = flags
    return this.live(flags, {
      make: (options) => planNodeRestart({...options, maxFailed, ungated}),
      nodes: [],
    })
  }
}
