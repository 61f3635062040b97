import {LifecycleCommand} from '../../lifecycle-command.ts'
import {planNodeStart} from '../../../ops/node/start.ts'
import {nodeArg} from '../../flags.ts'

export default class NodeStart extends LifecycleCommand {
  static override readonly summary = 'start nodes that are stopped'
  static override readonly description = 'Waits until each of them is active and serves again.'
  static override readonly strict = false
  static override readonly examples = [
    '<%= config.bin %> node start h3/target',
    '<%= config.bin %> node start t[ikht8083] --dry-run',
  ]
  static override readonly args = {node: nodeArg({required: true})}

  async run(): Promise<unknown> {
    const {argv, flags} = await this.parse(NodeStart)
    return this.live(flags, {make: planNodeStart, nodes: argv as string[]})
  }
}
