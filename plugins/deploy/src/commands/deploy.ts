import type {DeployOutcome} from 'aisctl/kit'
import {DeployCommand, deployFlags} from '../deploy-command.ts'

export default class Deploy extends DeployCommand {
  static override readonly summary = 'make the hosts of a topology a running cluster'
  static override readonly description = `Installs Node.js, aisnode, its users and units on every host over SSH, starts the nodes and
waits until the cluster says that it is well. The hosts need sshd and systemd, nothing else. What
is already so stays untouched: a second deploy changes nothing and restarts nothing. Nodes that run
with old files are restarted one at a time, each when the cluster says that all others are well.`
  static override readonly examples = [
    '<%= config.bin %> deploy',
    '<%= config.bin %> deploy -f rack1.yaml --dry-run',
    '<%= config.bin %> deploy --accept-new',
  ]
  static override readonly flags = deployFlags

  async run(): Promise<DeployOutcome> {
    const {flags} = await this.parse(Deploy)
    return this.deploy(flags)
  }
}
