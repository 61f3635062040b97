import {LabCommand} from '../../lab/lab-command.ts'
import {freeze} from '../../lab/faults.ts'
import {parseHosts} from '../../lab/state.ts'

export default class LabFreeze extends LabCommand {
  static override readonly summary = 'freeze hosts: they look hung, their kernel still answers'
  static override readonly examples = [
    '<%= config.bin %> lab freeze 1 2',
    '<%= config.bin %> lab freeze all',
  ]
  static override readonly strict = false

  async run(): Promise<{hosts: number[]}> {
    const {argv, flags} = await this.parse(LabFreeze)
    return this.changeLab(flags, async (lab) => {
      const hosts = parseHosts(lab, argv as string[])
      await freeze(lab, hosts, true)
      this.log(`${hosts.map((host) => `h${host}`).join(', ')}: frozen`)
      return {hosts}
    })
  }
}
