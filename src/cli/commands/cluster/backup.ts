import {Args, Flags} from '@oclif/core'
import {planBackup} from '../../../ops/state/backup.ts'
import {LifecycleCommand} from '../../lifecycle-command.ts'

export default class ClusterBackup extends LifecycleCommand {
  static override readonly summary =
    'write what the cluster knows of itself into a file; no objects'
  static override readonly description = `Topology, the newest record that a node keeps (members, buckets, settings) and the heads of the audit.
The cluster key is in it only with --passphrase-file: scrypt and AES-256-GCM; its first line is the
passphrase. The cluster may run. Keep the file elsewhere than on its hosts.`
  static override readonly examples = [
    '<%= config.bin %> cluster backup prod.backup',
    '<%= config.bin %> cluster backup prod.backup --passphrase-file ~/.prod-passphrase',
  ]
  static override readonly args = {
    file: Args.string({description: 'file to write; none may be there', required: true}),
  }
  static override readonly flags = {
    'passphrase-file': Flags.string({
      description: 'file that holds the passphrase',
      helpValue: 'FILE',
    }),
  }

  async run(): Promise<unknown> {
    const {args, flags} = await this.parse(ClusterBackup)
    const {file} = args
    const passphraseFile = flags['passphrase-file']
    const secret = passphraseFile === undefined ? {} : {passphraseFile}
    return this.live(flags, {
      make: (options) => Promise.resolve(planBackup({...options, file, ...secret})),
      nodes: [],
    })
  }
}
