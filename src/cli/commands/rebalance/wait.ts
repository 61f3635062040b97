import {Args} from '@oclif/core'
import {awaitRebalance} from '../../../client/rebalance.ts'
import {AisctlCommand} from '../../command.ts'
import {durationFlag} from '../../flags.ts'
import {endText, progressText} from '../../render/departure-view.ts'
import {paragraph} from '../../render/paragraph.ts'

/** Moving the data of a large cluster takes hours. */
const PATIENCE_MS = 24 * 3_600_000

export default class RebalanceWait extends AisctlCommand {
  static override readonly summary = 'wait until everything is where it belongs'
  static override readonly description = paragraph(
    'Ends with the outcome: 0 finished · 6 stopped, and not everything has moved · 7 not in time.',
    'When the owners change meanwhile, the newer rebalance is waited for; a change of primary',
    'interrupts nothing.',
  )
  static override readonly aliases = ['wait:rebalance']
  static override readonly examples = [
    '<%= config.bin %> rebalance wait',
    '<%= config.bin %> rebalance wait g3 --timeout 2h',
  ]
  static override readonly args = {
    rebalance: Args.string({description: 'its id, g3; the one that goes on without it'}),
  }
  static override readonly flags = {
    timeout: durationFlag({description: 'how long at most', default: PATIENCE_MS}),
  }

  async run(): Promise<unknown> {
    const {args, flags} = await this.parse(RebalanceWait)
    const line = this.progress()
    const end = await awaitRebalance(this.client(flags), {
      ...(args.rebalance === undefined ? {} : {id: args.rebalance}),
      uuid: this.found(flags).known?.uuid,
      timeoutMs: flags.timeout,
      onLook: (answer) => line.show(progressText(answer)),
      onSilence: ({message}) => line.show(`${message}; trying again`),
    })
    line.end()
    this.log(endText(end))
    return end
  }
}
