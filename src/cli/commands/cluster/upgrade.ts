import {Flags} from '@oclif/core'
import {planUpgrade} from '../../../ops/release/upgrade.ts'
import {finalizeUpgrade, payloadMeant} from '../../../ops/release/prepare-upgrade.ts'
import {durationFlag} from '../../flags.ts'
import {topologyOf} from '../../hosts-command.ts'
import {LifecycleCommand} from '../../lifecycle-command.ts'
import {paragraph} from '../../render/paragraph.ts'
import {sequenceFlags} from '../../sequence-flags.ts'

/** Long enough for a release that fails under requests to fail. */
const CANARY_MS = 15_000

export default class ClusterUpgrade extends LifecycleCommand {
  static override readonly summary = 'run another release of the daemon, one node after the other'
  static override readonly description = [
    paragraph(
      'The release is brought to all hosts, then node by node made to run, with the gates of a restart.',
      'The first node (canary) is asked what clients ask for a while before the second is touched. When',
      'more nodes fail than --max-failed, all that were switched go back to what they ran before.',
    ),
    paragraph(
      'The way back stays open (--rollback) until it is closed (--finalize). A deploy ships what the',
      'last upgrade has brought.',
    ),
  ].join('\n\n')
  static override readonly examples = [
    '<%= config.bin %> cluster upgrade',
    '<%= config.bin %> cluster upgrade --release aisnode-1.3.0.mjs --canary 1m',
    '<%= config.bin %> cluster upgrade --rollback',
  ]
  static override readonly flags = {
    ...sequenceFlags,
    release: Flags.string({
      description: 'a bundle of the daemon (FILE), or the version of one that was brought before',
    }),
    canary: durationFlag({description: 'how long the first node is watched', default: CANARY_MS}),
    rollback: Flags.boolean({
      description: 'back to the release before',
      default: false,
      exclusive: ['release', 'finalize'],
    }),
    finalize: Flags.boolean({
      description: 'close the way back',
      default: false,
      exclusive: ['release'],
    }),
  }

  async run(): Promise<unknown> {
    const {flags} = await this.parse(ClusterUpgrade)
    const {rollback, release, ungated, 'canary': canaryMs, 'max-failed': maxFailed} = flags
    if (flags.finalize) {
      const line = finalizeUpgrade(flags.topology ?? topologyOf(this.meant(flags)))
      this.log(line)
      return {finalized: true}
    }
    return this.live(flags, {
      make: async (options) => {
        const {topologyFile} = options
        const payload = await payloadMeant({
          topologyFile,
          rollback,
          ...(release === undefined ? {} : {release}),
        })
        return planUpgrade({...options, payload, maxFailed, ungated, canaryMs})
      },
      nodes: [],
    })
  }
}
