import {buffer} from 'node:stream/consumers'
import {Flags} from '@oclif/core'
import {AisError} from '../../../base/errors.ts'
import {execOnHosts, worstStatus} from '../../../ops/across/exec.ts'
import {namedHosts, UNREACHED_STATUS} from '../../../ops/across/hosts.ts'
import {AcrossCommand, hostArg} from '../../across-command.ts'
import {durationFlag} from '../../flags.ts'
import {hostPrefix} from '../../render/host-lines.ts'
import {paintFor} from '../../render/paint.ts'

const TIMEOUT_MS = 10 * 60_000

export default class HostExec extends AcrossCommand {
  static override readonly summary = 'run a command on hosts, side by side'
  static override readonly description = `The command stands after "--": one word is a line for the host's shell, several are a command and its
arguments. It runs as root. Each line of output begins with the name of its host; the exit code is
the worst of all, 255 for a host that was not reached. What nobody may see in a list of processes
goes to the command's standard input: --stdin.`
  static override readonly strict = false
  static override readonly usage = 'host exec HOST...|--all [FLAGS] -- COMMAND...'
  static override readonly examples = [
    '<%= config.bin %> host exec --all -- uptime',
    "<%= config.bin %> host exec h1 h2 -- 'df -h /var | tail -n 1'",
    '<%= config.bin %> host exec h1 --stdin -- chpasswd <passwords',
  ]
  static override readonly args = {host: hostArg()}
  static override readonly flags = {
    'stdin': Flags.boolean({description: 'hand our standard input to every command'}),
    'as-login': Flags.boolean({description: 'run as the user of the login, not as root'}),
    'timeout': durationFlag({description: 'how long it may take', default: TIMEOUT_MS}),
  }

  async run(): Promise<unknown> {
    const at = this.argv.indexOf('--')
    const command = at < 0 ? [] : this.argv.slice(at + 1)
    const {argv, flags} = await this.parse(HostExec, at < 0 ? this.argv : this.argv.slice(0, at))
    if (command.length === 0) {
      throw new AisError({
        code: 'USAGE',
        message: 'no command is given',
        hint: 'write it after "--": aisctl host exec --all -- uptime',
      })
    }
    return this.withFleet(flags, async (fleet) => {
      const hosts = namedHosts(fleet.topology, argv as string[], flags.all)
      const out = hostPrefix(hosts, this.paint)
      const err = hostPrefix(hosts, paintFor(process.stderr))
      const done = await execOnHosts(fleet, {
        hosts,
        command,
        asRoot: !flags['as-login'],
        parallel: flags.parallel,
        timeoutMs: flags.timeout,
        ...(flags.stdin ? {input: await buffer(process.stdin)} : {}),
        onLine: (host, line, stream) => {
          if (this.jsonEnabled()) return
          if (stream === 'stdout') process.stdout.write(`${out(host)}${line}\n`)
          else process.stderr.write(`${err(host)}${line}\n`)
        },
      })
      for (const {host, error} of done) {
        if (error !== undefined) this.logToStderr(`${err(host)}${error.message}`)
      }
      process.exitCode = worstStatus(done)
      return {
        hosts: done.map(({host, result, error}) => ({
          host,
          status: result?.status ?? UNREACHED_STATUS,
          stdout: result?.stdout ?? '',
          stderr: result?.stderr ?? '',
          ...(error === undefined ? {} : {error: error.message}),
        })),
      }
    })
  }
}
