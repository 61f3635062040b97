import {
  AisctlCommand,
  Args,
  askSecret,
  Flags,
  loadState,
  planError,
  viewPlan,
  type Adopted,
} from 'aisctl/kit'
import {adoptedLines} from '../adopted-lines.ts'
import {DEFAULT_TOPOLOGY, topologyFlag} from '../topology-flag.ts'

export default class Adopt extends AisctlCommand {
  static override readonly summary =
    'take over a deployed cluster on a machine that knows nothing of it'
  static override readonly description = `Reads from the hosts what the machine that deployed them kept: topology and generation, uuid and
cluster key, and notes the keys of the hosts. One host is enough: its topology names the others. The
newest topology that a majority of its hosts has stored counts, so a majority must be reachable, as
root. The hosts are not changed; afterwards aisctl deploy --dry-run finds nothing to change.`
  static override readonly examples = [
    '<%= config.bin %> adopt root@10.0.0.7',
    '<%= config.bin %> adopt h1 h2 h3 --user ops --become sudo -f rack1.yaml',
    '<%= config.bin %> adopt 10.0.0.7 --accept-new',
  ]
  static override readonly strict = false
  static override readonly args = {
    host: Args.string({description: 'host of the cluster: [USER@]HOST[:PORT]', required: true}),
  }
  static override readonly flags = {
    'file': topologyFlag({description: 'where the topology is written', default: DEFAULT_TOPOLOGY}),
    'user': Flags.string({description: 'login on the hosts'}),
    'port': Flags.integer({description: 'port of sshd on the hosts'}),
    'identity': Flags.string({description: 'private key for the login'}),
    'jump': Flags.string({description: 'host to pass through: [USER@]HOST[:PORT]'}),
    'become': Flags.option({
      options: ['none', 'sudo', 'sudo-password'] as const,
      description: 'how the login becomes root',
    })(),
    'generation': Flags.integer({
      description: 'take this generation, though no majority has stored it',
      min: 1,
    }),
    'accept-new': Flags.boolean({description: 'write down host keys that are not known yet'}),
  }

  async run(): Promise<Adopted> {
    const {argv, flags} = await this.parse(Adopt)
    const {prepareAdopt} = await loadState()
    const {user, port, identity, jump, become, generation, file} = flags
    const adopt = prepareAdopt({
      hosts: argv as string[],
      ssh: {
        ...(user === undefined ? {} : {user}),
        ...(port === undefined ? {} : {port}),
        ...(identity === undefined ? {} : {identity}),
        ...(jump === undefined ? {} : {jump}),
        ...(become === undefined ? {} : {become}),
      },
      file,
      ...(generation === undefined ? {} : {generation}),
      acceptNew: flags['accept-new'],
      askSecret,
    })
    try {
      const outcome = await viewPlan(adopt.plan, {quiet: this.jsonEnabled()})
      const error = planError(adopt.plan, outcome)
      if (error !== undefined) throw error
      const adopted = adopt.result()
      this.print(adoptedLines(adopted, file))
      return adopted
    } finally {
      await adopt.close()
    }
  }
}
