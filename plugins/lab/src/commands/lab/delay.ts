import {Args} from 'aisctl/kit'
import {startDelay} from '../../lab/delay.ts'
import {LabCommand} from '../../lab/lab-command.ts'
import {parseMs, parsePercent} from '../../lab/numbers.ts'
import {parseHost} from '../../lab/state.ts'

export default class LabDelay extends LabCommand {
  static override readonly summary = 'delay what a host sends and receives'
  static override readonly examples = [
    '<%= config.bin %> lab delay 1 50',
    '<%= config.bin %> lab delay 1 200 100 1',
  ]
  static override readonly args = {
    host: Args.string({description: 'number of the host', required: true}),
    delay: Args.string({description: 'milliseconds each way', required: true}),
    jitter: Args.string({description: 'give or take, milliseconds', default: '0'}),
    loss: Args.string({description: 'share lost each way, 0 to 100', default: '0'}),
  }

  async run(): Promise<{host: number; delayMs: number; jitterMs: number; lossPercent: number}> {
    const {args, flags} = await this.parse(LabDelay)
    return this.changeLab(flags, async (lab) => {
      const host = parseHost(lab, args.host)
      const delay = {
        delayMs: parseMs(args.delay),
        jitterMs: parseMs(args.jitter),
        lossPercent: parsePercent(args.loss),
      }
      await startDelay(lab, host, delay)
      this.log(`h${host} is ${delay.delayMs} ms away each way, until: aisctl lab heal`)
      return {host, ...delay}
    })
  }
}
