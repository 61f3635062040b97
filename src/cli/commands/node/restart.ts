import {LifecycleCommand} from '../../lifecycle-command.ts'
import {planNodeRestart} from '../../../ops/node/restart.ts'
import {nodeArg} from '../../flags.ts'

export default class NodeRestart extends LifecycleCommand {
  static override readonly summary = 'restart nodes, one after the other'
  static override readonly description =
    'Each is waited for before the next one stops; the primary comes last. The map does not change.'
  static override readonly strict = false
  static override readonly examples = [
    '<%= config.bin %> node restart h3/target',
    '<%= config.bin %> node restart t[ikht8083] --dry-run',
  ]
  static override readonly args = {node: nodeArg({required: true})}

  async run(): Promise<unknown> {
    const {argv, flags} = await this.parse(NodeRestart)
    return this.live(flags, {make: planNodeRestart, nodes: argv as string[]})
  }
}
