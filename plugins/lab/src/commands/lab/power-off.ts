import {LabCommand} from '../../lab/lab-command.ts'
import {powerOff} from '../../lab/power.ts'
import {parseHosts} from '../../lab/state.ts'

export default class LabPowerOff extends LabCommand {
  static override readonly summary =
    'cut the power of hosts at one moment: what was not synced is lost'
  static override readonly examples = [
    '<%= config.bin %> lab power-off 1 2',
    '<%= config.bin %> lab power-off all',
  ]
  static override readonly strict = false

  async run(): Promise<{hosts: number[]}> {
    const {argv, flags} = await this.parse(LabPowerOff)
    return this.changeLab(flags, async (lab) => {
      const hosts = parseHosts(lab, argv as string[])
      await powerOff(lab, hosts)
      this.log(`${hosts.map((host) => `h${host}`).join(', ')}: off`)
      return {hosts}
    })
  }
}
