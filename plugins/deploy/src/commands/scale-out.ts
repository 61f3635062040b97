import {Args, confirm, loadScaleOut, yesFlag, type DeployOutcome} from 'aisctl/kit'
import {DeployCommand, deployFlags} from '../deploy-command.ts'

export default class ScaleOut extends DeployCommand {
  static override readonly summary = 'add nodes to a deployed cluster'
  static override readonly description = `Adds the nodes that the topology file has and the cluster has not; the others are brought to the file
as by a deploy. A node that has left (node decommission) comes back by name alone, as a new one; its
disks have to be empty. Data moves to new targets by itself.`
  static override readonly examples = [
    '<%= config.bin %> scale-out -f rack1.yaml',
    '<%= config.bin %> scale-out h3/target',
  ]
  static override readonly strict = false
  static override readonly args = {
    node: Args.string({description: 'a node that has left: its id or HOST/INSTANCE'}),
  }
  static override readonly flags = {...deployFlags, yes: yesFlag}

  async run(): Promise<DeployOutcome> {
    const {argv, flags} = await this.parse(ScaleOut)
    const {additionsOf} = await loadScaleOut()
    const {cluster, nodes, targets, back} = additionsOf(flags.file, argv as string[])
    this.log(`New nodes (${nodes.length}): ${nodes.join(', ')}`)
    if (flags['dry-run'] !== true) {
      await confirm(`Add them to ${cluster}?`, {yes: flags.yes})
    }
    const outcome = await this.deploy(flags, back)
    if (targets > 0 && flags['dry-run'] !== true) {
      this.log('Data moves to the new targets now. Watch it: aisctl show rebalance --refresh 2')
    }
    return outcome
  }
}
