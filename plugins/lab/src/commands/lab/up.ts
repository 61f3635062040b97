import {AisError, Args, Flags, formatDuration, parseSize} from 'aisctl/kit'
import {labStatus, type LabStatus} from '../../lab/inventory.ts'
import {upLab} from '../../lab/lab.ts'
import {LabCommand} from '../../lab/lab-command.ts'
import {DEFAULT_DISK_SIZE, DEFAULT_SYSTEM_SIZE, DISK_BYTES_MIN} from '../../lab/limits.ts'
import {statusText} from '../../lab/status-text.ts'

export default class LabUp extends LabCommand {
  static override readonly summary =
    'make a lab of real systemd hosts on this machine, or repair it'
  static override readonly description = `Each host is a Debian with systemd and sshd and nothing else, on disks of its own, in a network of
its own. Needs root and Linux; changes nothing outside of the lab. The hosts are reached from inside
the lab's network: aisctl lab ns COMMAND`
  static override readonly examples = [
    '<%= config.bin %> lab up 7',
    '<%= config.bin %> lab up 3 --name small --proxies 1 --targets 3',
    '<%= config.bin %> lab ns <%= config.bin %> deploy -f /var/lib/aisctl-lab/lab/topology.yaml',
  ]
  static override readonly args = {
    hosts: Args.integer({description: 'how many hosts; absent: those that the lab has'}),
  }
  static override readonly flags = {
    'disks': Flags.integer({description: 'data disks of each new host', min: 0}),
    'disk-size': Flags.string({
      description: 'size of a data disk, taken only as it fills',
      default: DEFAULT_DISK_SIZE,
    }),
    'system-size': Flags.string({
      description: 'size of a system disk',
      default: DEFAULT_SYSTEM_SIZE,
    }),
    'proxies': Flags.integer({description: 'gateways in the topology file (3)', min: 1}),
    'targets': Flags.integer({description: 'targets in the topology file (4)', min: 1}),
    'install': Flags.boolean({description: 'install missing Debian packages'}),
  }

  async run(): Promise<LabStatus> {
    const {args, flags} = await this.parse(LabUp)
    const started = performance.now()
    const lab = await upLab(
      {
        name: flags.name,
        labsDirectory: flags.dir,
        ...given('hosts', args.hosts),
        ...given('disks', flags.disks),
        ...given('proxies', flags.proxies),
        ...given('targets', flags.targets),
        diskBytes: sizeOf(flags['disk-size']),
        systemBytes: sizeOf(flags['system-size']),
        install: flags.install,
      },
      (text) => this.report(text),
    )
    const status = await labStatus(lab)
    this.log(statusText(status))
    const seconds = formatDuration(Math.round(performance.now() - started))
    this.log(`\n${status.hosts.length} hosts are up after ${seconds}. Next:`)
    this.log(`  aisctl lab ns --name ${lab.name} aisctl deploy -f ${status.topology}`)
    this.log(`  aisctl lab ssh 1 --name ${lab.name}`)
    return status
  }
}

function given<Key extends string>(
  key: Key,
  value: number | undefined,
): {readonly [K in Key]?: number} {
  return value === undefined ? {} : ({[key]: value} as {readonly [K in Key]: number})
}

function sizeOf(text: string): number {
  const bytes = parseSize(text)
  if (bytes !== undefined && bytes >= DISK_BYTES_MIN) return bytes
  throw new AisError({
    code: 'USAGE',
    message: `${JSON.stringify(text)} is no size for a disk`,
    hint: 'at least 32MiB; for example 512MiB or 4GiB',
  })
}
