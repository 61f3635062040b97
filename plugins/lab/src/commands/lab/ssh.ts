import {Args, Flags} from 'aisctl/kit'
import {LabCommand} from '../../lab/lab-command.ts'
import {splitLine} from '../../lab/pass-through.ts'
import {attempt} from '../../lab/run.ts'
import {sshCommand} from '../../lab/ssh.ts'
import {parseHost} from '../../lab/state.ts'

export default class LabSsh extends LabCommand {
  static override readonly summary = 'log in to a host, or run a command there'
  static override readonly examples = [
    '<%= config.bin %> lab ssh 1',
    '<%= config.bin %> lab ssh 2 systemctl status aisnode@target',
    '<%= config.bin %> lab ssh --user ops 2 sudo -n id',
  ]
  static override readonly usage = 'lab ssh [--name NAME] [--user USER] HOST [COMMAND...]'
  static override readonly args = {
    host: Args.string({description: 'number of the host', required: true}),
  }
  static override readonly flags = {
    user: Flags.string({
      description: 'root, ops (sudo without password) or admin (with password)',
      default: 'root',
    }),
  }

  async run(): Promise<void> {
    const {own, foreign} = splitLine(this.argv, 1)
    const {args, flags} = await this.parse(LabSsh, [...own])
    const lab = this.lab(flags)
    const command = sshCommand(lab, parseHost(lab, args.host), foreign, flags.user)
    const {status} = await attempt(command, {terminal: true, timeoutMs: 0})
    process.exitCode = status
  }
}
