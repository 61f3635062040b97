import {LabCommand} from '../../lab/lab-command.ts'
import {powerOn} from '../../lab/power.ts'
import {parseHosts} from '../../lab/state.ts'

export default class LabPowerOn extends LabCommand {
  static override readonly summary = 'power hosts on and wait until they answer'
  static override readonly examples = [
    '<%= config.bin %> lab power-on 1 2',
    '<%= config.bin %> lab power-on all',
  ]
  static override readonly strict = false

  async run(): Promise<{hosts: number[]}> {
    const {argv, flags} = await this.parse(LabPowerOn)
    return this.changeLab(flags, async (lab) => {
      const hosts = parseHosts(lab, argv as string[])
      await powerOn(lab, hosts)
      this.log(`${hosts.map((host) => `h${host}`).join(', ')}: on`)
      return {hosts}
    })
  }
}
