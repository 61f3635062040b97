import {LifecycleCommand} from '../../lifecycle-command.ts'
import {planNodeStop} from '../../../ops/node/stop.ts'
import {nodeArg} from '../../flags.ts'

export default class NodeStop extends LifecycleCommand {
  static override readonly summary =
    'stop nodes: their data stays, their keys answer 503 until they are back'
  static override readonly description =
    'A stopped node is absent: it remains a member and keeps its vote. Nothing is moved.'
  static override readonly strict = false
  static override readonly examples = [
    '<%= config.bin %> node stop h3/target',
    '<%= config.bin %> node stop t[ikht8083] --dry-run',
  ]
  static override readonly args = {node: nodeArg({required: true})}

  async run(): Promise<unknown> {
    const {argv, flags} = await this.parse(NodeStop)
    return this.live(flags, {make: planNodeStop, nodes: argv as string[]})
  }
}
