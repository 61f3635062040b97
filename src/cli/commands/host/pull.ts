import {Args} from '@oclif/core'
import {pullFromHosts} from '../../../ops/across/files.ts'
import {namedHosts} from '../../../ops/across/hosts.ts'
import {AcrossCommand, hostArg} from '../../across-command.ts'

export default class HostPull extends AcrossCommand {
  static override readonly summary = 'copy a file from hosts'
  static override readonly description =
    'Each host gets a directory of its name in DIRECTORY; a file that did not arrive whole is not left there.'
  static override readonly strict = false
  static override readonly usage = 'host pull PATH DIRECTORY HOST...|--all [FLAGS]'
  static override readonly examples = [
    '<%= config.bin %> host pull /etc/aisnode/target.json found --all',
  ]
  static override readonly args = {
    path: Args.string({description: 'absolute path on the hosts', required: true}),
    directory: Args.string({description: 'directory of this machine', required: true}),
    host: hostArg(),
  }

  async run(): Promise<unknown> {
    const {argv, args, flags} = await this.parse(HostPull)
    return this.withFleet(flags, async (fleet) => {
      const hosts = namedHosts(fleet.topology, (argv as string[]).slice(2), flags.all)
      const {path, directory} = args
      const done = await pullFromHosts(fleet, {hosts, path, directory, parallel: flags.parallel})
      return this.concludeMove(done, 'gave it')
    })
  }
}
