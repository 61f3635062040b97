import {Flags} from '@oclif/core'
import {AisctlCommand} from '../../command.ts'
import {durationFlag, yesFlag} from '../../flags.ts'
import {paragraph} from '../../render/paragraph.ts'
import {endWhole} from '../../whole-cluster.ts'

/** Wiping takes as long as it takes to remove every file. */
const PATIENCE_MS = 3_600_000

export default class ClusterDecommission extends AisctlCommand {
  static override readonly summary = 'end the cluster for good: every node forgets it and ends'
  static override readonly description = paragraph(
    'Nothing moves: there is nowhere to move to. The objects stay on the disks, unreachable, unless',
    '--rm-user-data wipes them. Asks for the name of the cluster unless --yes. What aisctl installed',
    'stays on the hosts; a node that is started again says that it was decommissioned.',
  )
  static override readonly examples = [
    '<%= config.bin %> cluster decommission',
    '<%= config.bin %> cluster decommission --rm-user-data --yes',
  ]
  static override readonly flags = {
    'rm-user-data': Flags.boolean({
      description: 'wipe the objects on all disks; this cannot be undone',
      default: false,
    }),
    'keep-initial-config': Flags.boolean({
      description: "as in AIStore; a node's own file is the deployer's and stays in any case",
      default: false,
    }),
    'yes': yesFlag,
    'timeout': durationFlag({description: 'how long it may take', default: PATIENCE_MS}),
  }

  async run(): Promise<unknown> {
    const {flags} = await this.parse(ClusterDecommission)
    const {known} = this.found(flags)
    const wipes = flags['rm-user-data']
    const objects = wipes
      ? 'all objects are wiped, which cannot be undone'
      : 'the objects stay on the disks, and nobody serves them'
    const left = wipes ? 'their objects are wiped' : 'the objects are on their disks still'
    const next =
      known?.kind === 'playground'
        ? `Remove what is left of it: aisctl playground down --name ${known.name}`
        : 'See what a start of a node says: journalctl -u aisnode@INSTANCE'
    return endWhole({
      client: this.client(flags),
      name: known?.name,
      uuid: known?.uuid,
      order: {
        action: 'decommission',
        removeUserData: wipes,
        keepInitialConfig: flags['keep-initial-config'],
      },
      yes: flags.yes,
      timeoutMs: flags.timeout,
      question: (name, nodes) =>
        `Decommission ${name}? Its ${nodes} nodes forget the cluster and end; ${objects}.`,
      conclude: (name, nodes) => `${name} is no more: ${nodes} nodes have ended; ${left}. ${next}`,
      log: (text) => this.log(text),
      line: this.progress(),
    })
  }
}
