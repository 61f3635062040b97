import {Flags} from 'aisctl/kit'
import {heal} from '../../lab/faults.ts'
import {labStatus, type LabStatus} from '../../lab/inventory.ts'
import {LabCommand} from '../../lab/lab-command.ts'

export default class LabHeal extends LabCommand {
  static override readonly summary =
    'end all faults of the network and thaw all hosts; power stays as it is'
  static override readonly examples = [
    '<%= config.bin %> lab heal',
    '<%= config.bin %> lab heal --disks',
  ]
  static override readonly flags = {
    disks: Flags.boolean({description: 'bring disks back that were taken away, too'}),
  }

  async run(): Promise<LabStatus> {
    const {flags} = await this.parse(LabHeal)
    return this.changeLab(flags, async (lab) => {
      const healed = await heal(lab, flags.disks)
      this.log(`lab ${lab.name}: no faults`)
      return labStatus(healed)
    })
  }
}
