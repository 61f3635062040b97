import {Flags} from '@oclif/core'
import {payloadMeant} from '../../../ops/release/prepare-upgrade.ts'
import {planUpgrade} from '../../../ops/release/upgrade.ts'
import {durationFlag, nodeArg} from '../../flags.ts'
import {LifecycleCommand} from '../../lifecycle-command.ts'
import {paragraph} from '../../render/paragraph.ts'
import {sequenceFlags} from '../../sequence-flags.ts'

/** As of a whole cluster. */
const CANARY_MS = 15_000

export default class NodeUpgrade extends LifecycleCommand {
  static override readonly summary = 'run another release of the daemon on some nodes'
  static override readonly description = paragraph(
    'As cluster upgrade, of these nodes alone: to try a release before all others run it. A deploy',
    'brings them back to what the cluster runs.',
  )
  static override readonly strict = false
  static override readonly examples = [
    '<%= config.bin %> node upgrade h3/target --release aisnode-1.3.0.mjs',
  ]
  static override readonly args = {node: nodeArg({required: true})}
  static override readonly flags = {
    ...sequenceFlags,
    release: Flags.string({
      description: 'a bundle of the daemon (FILE), or the version of one that was brought before',
    }),
    canary: durationFlag({description: 'how long the first node is watched', default: CANARY_MS}),
  }

  async run(): Promise<unknown> {
    const {argv, flags} = await this.parse(NodeUpgrade)
    const {release, ungated, 'canary': canaryMs, 'max-failed': maxFailed} = flags
    return this.live(flags, {
      make: async (options) => {
        const {topologyFile} = options
        const named = release === undefined ? {} : {release}
        const payload = await payloadMeant({topologyFile, rollback: false, ...named})
        return planUpgrade({...options, payload, maxFailed, ungated, canaryMs})
      },
      nodes: argv as string[],
    })
  }
}
