import {planNodeRestart} from '../../../ops/node/restart.ts'
import {nodeArg} from '../../flags.ts'
import {LifecycleCommand} from '../../lifecycle-command.ts'
import {paragraph} from '../../render/paragraph.ts'
import {sequenceFlags} from '../../sequence-flags.ts'

export default class NodeRestart extends LifecycleCommand {
  static override readonly summary = 'restart nodes, one after the other'
  static override readonly description = paragraph(
    'Each only while all others are well, a majority holds without it and no data moves; the primary',
    'hands its office over and comes last. The first that does not come back stops it: no other node',
    'is touched. Nothing moves, and the map changes by the handover alone.',
  )
  static override readonly strict = false
  static override readonly examples = [
    '<%= config.bin %> node restart h3/target',
    '<%= config.bin %> node restart t[ikht8083] --dry-run',
  ]
  static override readonly args = {node: nodeArg({required: true})}
  static override readonly flags = sequenceFlags

  async run(): Promise<unknown> {
    const {argv, flags} = await this.parse(NodeRestart)
    const {'max-failed': maxFailed, ungated} = flags
    return this.live(flags, {
      make: (options) => planNodeRestart({...options, maxFailed, ungated}),
      nodes: argv as string[],
    })
  }
}
