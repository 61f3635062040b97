import {Flags} from 'aisctl/kit'
import {downLab} from '../../lab/lab.ts'
import {LabCommand} from '../../lab/lab-command.ts'

export default class LabDown extends LabCommand {
  static override readonly summary = 'remove a lab and everything that it made on this machine'
  static override readonly examples = ['<%= config.bin %> lab down --name small']
  static override readonly flags = {
    purge: Flags.boolean({description: 'remove base images that no lab stands on as well'}),
  }

  async run(): Promise<{removed: string}> {
    const {flags} = await this.parse(LabDown)
    const lab = this.lab(flags)
    await downLab(lab, flags.purge)
    this.log(`lab ${lab.name} is removed`)
    return {removed: lab.name}
  }
}
