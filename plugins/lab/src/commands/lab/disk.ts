import {Args} from 'aisctl/kit'
import {DISK_ACTIONS, type DiskAction, disturbDisk} from '../../lab/disks.ts'
import {LabCommand} from '../../lab/lab-command.ts'
import {parseHost} from '../../lab/state.ts'

export default class LabDisk extends LabCommand {
  static override readonly summary =
    'make a data disk read-only or dead, pull it, heal or replace it'
  static override readonly description = `ro       the kernel meets an error and turns the filesystem read-only
eio      every call on it gives an input/output error
pull     the mount point becomes a bare directory of the system
heal     it is there again, with everything that was synced
replace  an empty disk is in its place
What was taken away stays away over a power-off.`
  static override readonly examples = [
    '<%= config.bin %> lab disk 4 1 pull',
    '<%= config.bin %> lab disk 4 1 heal',
  ]
  static override readonly args = {
    host: Args.string({description: 'number of the host', required: true}),
    disk: Args.integer({description: 'number of the disk; 1 is /ais/mp1', required: true}),
    action: Args.string({
      description: 'what happens to it',
      required: true,
      options: [...DISK_ACTIONS],
    }),
  }

  async run(): Promise<{host: number; disk: number; action: string}> {
    const {args, flags} = await this.parse(LabDisk)
    return this.changeLab(flags, async (lab) => {
      const host = parseHost(lab, args.host)
      await disturbDisk(lab, host, args.disk, args.action as DiskAction)
      this.log(`h${host} /ais/mp${args.disk}: ${args.action}`)
      return {host, disk: args.disk, action: args.action}
    })
  }
}
