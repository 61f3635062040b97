import {Args, formatDuration} from 'aisctl/kit'
import {labStatus, type LabStatus} from '../../lab/inventory.ts'
import {LabCommand} from '../../lab/lab-command.ts'
import {restoreSnapshot} from '../../lab/snapshots.ts'

export default class LabRestore extends LabCommand {
  static override readonly summary =
    'cut the power, put saved disks in place, end all faults, power on'
  static override readonly examples = ['<%= config.bin %> lab restore deployed']
  static override readonly args = {
    snapshot: Args.string({description: 'name of the snapshot', required: true}),
  }

  async run(): Promise<LabStatus> {
    const {args, flags} = await this.parse(LabRestore)
    return this.changeLab(flags, async (lab) => {
      const started = performance.now()
      const restored = await restoreSnapshot(lab, args.snapshot)
      const took = formatDuration(Math.round(performance.now() - started))
      this.log(`restored ${args.snapshot} in ${took}`)
      return labStatus(restored)
    })
  }
}
