import {LabCommand} from '../../lab/lab-command.ts'
import {freeze} from '../../lab/faults.ts'
import {parseHosts} from '../../lab/state.ts'

export default class LabThaw extends LabCommand {
  static override readonly summary = 'let frozen hosts run again'
  static override readonly examples = [
    '<%= config.bin %> lab thaw 1 2',
    '<%= config.bin %> lab thaw all',
  ]
  static override readonly strict = false

  async run(): Promise<{hosts: number[]}> {
    const {argv, flags} = await this.parse(LabThaw)
    return this.changeLab(flags, async (lab) => {
      const hosts = parseHosts(lab, argv as string[])
      await freeze(lab, hosts, false)
      this.log(`${hosts.map((host) => `h${host}`).join(', ')}: running again`)
      return {hosts}
    })
  }
}
