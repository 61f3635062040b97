import {LabCommand} from '../../lab/lab-command.ts'
import {reboot} from '../../lab/power.ts'
import {parseHosts} from '../../lab/state.ts'

export default class LabReboot extends LabCommand {
  static override readonly summary = 'reboot hosts in order and wait until they answer'
  static override readonly examples = [
    '<%= config.bin %> lab reboot 1 2',
    '<%= config.bin %> lab reboot all',
  ]
  static override readonly strict = false

  async run(): Promise<{hosts: number[]}> {
    const {argv, flags} = await this.parse(LabReboot)
    return this.changeLab(flags, async (lab) => {
      const hosts = parseHosts(lab, argv as string[])
      await reboot(lab, hosts)
      this.log(`${hosts.map((host) => `h${host}`).join(', ')}: rebooted`)
      return {hosts}
    })
  }
}
