import {Flags} from 'aisctl/kit'
import {plug} from '../../lab/faults.ts'
import {LabCommand} from '../../lab/lab-command.ts'
import {addRules, cutRules} from '../../lab/partitions.ts'
import {parseHosts} from '../../lab/state.ts'

export default class LabCut extends LabCommand {
  static override readonly summary = 'cut hosts off from all other hosts'
  static override readonly examples = [
    '<%= config.bin %> lab cut 2',
    '<%= config.bin %> lab cut 1 2 --unplug',
  ]
  static override readonly strict = false
  static override readonly flags = {
    unplug: Flags.boolean({description: 'cut them off from the operator as well'}),
  }

  async run(): Promise<{hosts: number[]}> {
    const {argv, flags} = await this.parse(LabCut)
    return this.changeLab(flags, async (lab) => {
      const hosts = parseHosts(lab, argv as string[])
      if (flags.unplug) await plug(lab, hosts, false)
      else await addRules(lab, cutRules(hosts))
      this.log(`${hosts.map((host) => `h${host}`).join(', ')}: cut off until: aisctl lab heal`)
      return {hosts}
    })
  }
}
