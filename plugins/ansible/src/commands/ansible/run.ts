import {join} from 'node:path'
import {
  AisctlCommand,
  AisError,
  Args,
  dataDir,
  Flags,
  planError,
  viewPlan,
} from 'aisctl/kit'
import {hostsMeant} from '../../limit.ts'
import {argvOf, hostsIn, inventoryFor} from '../../place.ts'
import {playedLines, playedOf, type Played} from '../../played.ts'
import {playOf} from '../../play.ts'

export default class AnsibleRun extends AisctlCommand {
  static override readonly summary = 'run a playbook of the collection, with progress'
  static override readonly description = `Plays as plain ansible-playbook would from an export, and shows for every host its task.
What Ansible itself says goes to a file. The exit code is that of ansible-playbook: 2 when a task
failed, 4 when a host was not reached.

Playbooks: deploy, upgrade, restart, shutdown, start, scale_out, decommission; for nodes that
--limit names: node_restart, node_start, node_shutdown, node_decommission.`
  static override readonly examples = [
    '<%= config.bin %> ansible run restart --check',
    '<%= config.bin %> ansible run node_shutdown --limit h3',
    '<%= config.bin %> ansible run decommission -e aisctl_confirm=rack1',
  ]
  static override readonly args = {
    playbook: Args.string({description: 'a playbook, or the path of one', required: true}),
  }
  static override readonly flags = {
    'file': Flags.string({
      char: 'f',
      description: 'the topology file',
      default: 'topology.yaml',
      env: 'AISCTL_TOPOLOGY',
      helpValue: 'FILE',
    }),
    'from': Flags.string({description: 'an export to run from instead', helpValue: 'DIR'}),
    'limit': Flags.string({description: 'hosts that are meant', helpValue: 'HOSTS'}),
    'check': Flags.boolean({description: 'say what would be done, do nothing', default: false}),
    'extra-vars': Flags.string({
      char: 'e',
      description: 'a variable of the playbook',
      multiple: true,
      helpValue: 'NAME=VALUE',
    }),
    'bundle': Flags.string({
      description: 'what is shipped: a file of aisctl bundle create',
      env: 'AISCTL_BUNDLE',
      helpValue: 'FILE',
    }),
  }

  async run(): Promise<Played> {
    const {args, flags} = await this.parse(AnsibleRun)
    const {directory, leave} = await inventoryFor(flags)
    const log = join(dataDir(), 'ansible.log')
    try {
      const play = playOf({
        directory,
        playbook: args.playbook,
        hosts: hostsMeant(hostsIn(directory), flags.limit),
        argv: argvOf(flags),
        logFile: log,
      })
      const outcome = await viewPlan(play.plan, {quiet: this.jsonEnabled()})
      const error = planError(play.plan, outcome)
      const exit = play.exitCode()
      // Ansible was never started.
      if (exit === null) throw error ?? new AisError({code: 'INTERRUPTED', message: 'interrupted'})
      const played = playedOf(play, exit, {playbook: args.playbook, log})
      for (const line of playedLines(played, error)) {
        if (error === undefined) this.log(line)
        else this.logToStderr(line)
      }
      process.exitCode = exit
      return played
    } finally {
      leave()
    }
  }
}
