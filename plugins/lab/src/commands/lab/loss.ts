import {Args} from 'aisctl/kit'
import {LabCommand} from '../../lab/lab-command.ts'
import {parsePercent} from '../../lab/numbers.ts'
import {addRules, lossRules} from '../../lab/partitions.ts'
import {parseHost} from '../../lab/state.ts'

export default class LabLoss extends LabCommand {
  static override readonly summary = 'lose a share of the frames between a host and all others'
  static override readonly examples = ['<%= config.bin %> lab loss 1 2.5']
  static override readonly args = {
    host: Args.string({description: 'number of the host', required: true}),
    percent: Args.string({description: 'share lost each way, 0 to 100', required: true}),
  }

  async run(): Promise<{host: number; percent: number}> {
    const {args, flags} = await this.parse(LabLoss)
    return this.changeLab(flags, async (lab) => {
      const host = parseHost(lab, args.host)
      const percent = parsePercent(args.percent)
      await addRules(lab, lossRules(host, percent))
      this.log(`h${host} loses ${percent} % of its frames, until: aisctl lab heal`)
      return {host, percent}
    })
  }
}
