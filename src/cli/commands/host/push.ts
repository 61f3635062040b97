import {Args, Flags} from '@oclif/core'
import {pushToHosts} from '../../../ops/across/files.ts'
import {namedHosts} from '../../../ops/across/hosts.ts'
import {AcrossCommand, hostArg} from '../../across-command.ts'

export default class HostPush extends AcrossCommand {
  static override readonly summary = 'copy a file to hosts'
  static override readonly description =
    'The file takes the place of the one that was there when it has arrived whole, by its sha256.'
  static override readonly strict = false
  static override readonly usage = 'host push FILE PATH HOST...|--all [FLAGS]'
  static override readonly examples = [
    '<%= config.bin %> host push motd /etc/motd --all',
    '<%= config.bin %> host push key.pem /etc/ssl/private/key.pem h1 --mode 0600',
  ]
  static override readonly args = {
    file: Args.string({description: 'file of this machine', required: true}),
    path: Args.string({description: 'absolute path on the hosts', required: true}),
    host: hostArg(),
  }
  static override readonly flags = {
    mode: Flags.string({description: 'its mode there', default: '0644'}),
    owner: Flags.string({description: 'its owner and group there', default: 'root:root'}),
  }

  async run(): Promise<unknown> {
    const {argv, args, flags} = await this.parse(HostPush)
    return this.withFleet(flags, async (fleet) => {
      const hosts = namedHosts(fleet.topology, (argv as string[]).slice(2), flags.all)
      const {mode, owner, parallel} = flags
      const {file, path} = args
      const done = await pushToHosts(fleet, {hosts, file, path, mode, owner, parallel})
      return this.concludeMove(done, 'have it')
    })
  }
}
