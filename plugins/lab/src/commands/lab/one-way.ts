import {Args} from 'aisctl/kit'
import {LabCommand} from '../../lab/lab-command.ts'
import {addRules, oneWayRules} from '../../lab/partitions.ts'
import {parseHost} from '../../lab/state.ts'

export default class LabOneWay extends LabCommand {
  static override readonly summary = 'lose what one host sends to another; the way back stays open'
  static override readonly examples = ['<%= config.bin %> lab one-way 1 2']
  static override readonly args = {
    from: Args.string({description: 'host that sends', required: true}),
    to: Args.string({description: 'host that no longer hears it', required: true}),
  }

  async run(): Promise<{from: number; to: number}> {
    const {args, flags} = await this.parse(LabOneWay)
    return this.changeLab(flags, async (lab) => {
      const [from, to] = [parseHost(lab, args.from), parseHost(lab, args.to)]
      await addRules(lab, oneWayRules(from, to))
      this.log(`h${to} no longer hears h${from}, until: aisctl lab heal`)
      return {from, to}
    })
  }
}
