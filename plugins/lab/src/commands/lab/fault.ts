import {Args, Flags} from 'aisctl/kit'
import {disturbHost, HOST_FAULT_NAMES, HOST_FAULTS, type HostFault} from '../../lab/host-faults.ts'
import {LabCommand} from '../../lab/lab-command.ts'
import {parseHost} from '../../lab/state.ts'

const WIDTH = Math.max(...HOST_FAULT_NAMES.map(({length}) => length))

export default class LabFault extends LabCommand {
  static override readonly summary =
    'put a fault into a host as it happens in life, or take it away'
  static override readonly description = HOST_FAULT_NAMES.map(
    (name) => `${name.padEnd(WIDTH)}  ${HOST_FAULTS[name]}`,
  ).join('\n')
  static override readonly examples = [
    '<%= config.bin %> lab fault port-in-use 2',
    '<%= config.bin %> lab fault port-in-use 2 --undo',
  ]
  static override readonly args = {
    fault: Args.string({description: 'its name', required: true, options: [...HOST_FAULT_NAMES]}),
    host: Args.string({description: 'number of the host', required: true}),
  }
  static override readonly flags = {
    undo: Flags.boolean({description: 'take it away again', default: false}),
  }

  async run(): Promise<{host: number; fault: string; undone: boolean}> {
    const {args, flags} = await this.parse(LabFault)
    return this.changeLab(flags, async (lab) => {
      const host = parseHost(lab, args.host)
      const fault = args.fault as HostFault
      await disturbHost(lab, host, fault, flags.undo)
      this.log(`h${host}: ${fault} ${flags.undo ? 'is away' : 'is there'}`)
      return {host, fault, undone: flags.undo}
    })
  }
}
