import {okToStop} from '../../../client/ok-to-stop.ts'
import {AisctlCommand} from '../../command.ts'
import {nodeArg} from '../../flags.ts'
import {nodesNamed} from '../../gateway-name.ts'
import {okToStopLines} from '../../render/ok-to-stop-view.ts'
import {paragraph} from '../../render/paragraph.ts'

/** Exit code of a no: nothing was changed. */
const EXIT_REFUSED = 4

export default class NodeOkToStop extends AisctlCommand {
  static override readonly summary = 'say what would be missing if these nodes were off now'
  static override readonly description = paragraph(
    'Whether changes could go on (a majority), which objects would answer 503, what would have to',
    'move first and whether there is room for it. Changes nothing. Exit code 0 only if nothing at',
    'all would be missing, else 4.',
  )
  static override readonly strict = false
  static override readonly examples = [
    '<%= config.bin %> node ok-to-stop target-h3',
    '<%= config.bin %> node ok-to-stop h2/proxy t[ikht8083] && echo yes',
  ]
  static override readonly args = {node: nodeArg({required: true})}

  async run(): Promise<unknown> {
    const {argv, flags} = await this.parse(NodeOkToStop)
    const names = await nodesNamed(argv as string[], this.found(flags))
    const verdict = await okToStop(this.client(flags), names)
    this.print(okToStopLines(verdict, this.paint))
    if (!verdict.safe) process.exitCode = EXIT_REFUSED
    return verdict
  }
}
