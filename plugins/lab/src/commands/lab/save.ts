import {Args, formatDuration} from 'aisctl/kit'
import {LabCommand} from '../../lab/lab-command.ts'
import {saveSnapshot} from '../../lab/snapshots.ts'

export default class LabSave extends LabCommand {
  static override readonly summary = 'save the disks of all hosts under a name'
  static override readonly examples = ['<%= config.bin %> lab save deployed']
  static override readonly args = {
    snapshot: Args.string({description: 'name of the snapshot', required: true}),
  }

  async run(): Promise<{saved: string}> {
    const {args, flags} = await this.parse(LabSave)
    return this.changeLab(flags, async (lab) => {
      const started = performance.now()
      await saveSnapshot(lab, args.snapshot)
      const took = formatDuration(Math.round(performance.now() - started))
      this.log(`saved ${args.snapshot} in ${took}; back to it: aisctl lab restore ${args.snapshot}`)
      return {saved: args.snapshot}
    })
  }
}
