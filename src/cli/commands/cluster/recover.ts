import {Flags} from '@oclif/core'
import {AisError} from '../../../base/errors.ts'
import {recover} from '../../../client/recover.ts'
import type {RecoveryPicture} from '../../../client/recovery-picture.ts'
import {gatherRecovery, nodeIn} from '../../../client/recovery-picture.ts'
import type {RecoveryPlan} from '../../../client/recovery-plan.ts'
import {planRecovery} from '../../../client/recovery-plan.ts'
import {isRefusal} from '../../../model/ids.ts'
import {AisctlCommand} from '../../command.ts'
import {durationFlag, yesFlag} from '../../flags.ts'
import {confirmByName} from '../../prompt.ts'
import {doneLines, pictureLines, planLines, RECOVER_HELP} from '../../render/recovery-view.ts'

/** The survivors vote, store the record and follow: seconds, when they can reach each other. */
const PATIENCE_MS = 30_000
/** Exit code of a command that changed nothing because it was not told to. */
const EXIT_REFUSED = 4

export default class ClusterRecover extends AisctlCommand {
  static override readonly summary = 'let a minority go on when a majority is lost for good'
  static override readonly description = RECOVER_HELP
  static override readonly examples = [
    '<%= config.bin %> cluster recover',
    '<%= config.bin %> cluster recover --force',
    '<%= config.bin %> cluster recover --force --yes --cluster-name prod',
    '<%= config.bin %> cluster recover --force --survivor proxy-h1 --survivor target-h1',
  ]
  static override readonly flags = {
    'force': Flags.boolean({description: 'do it, not just show it', default: false}),
    'survivor': Flags.string({
      description: 'a node that stays in the vote; all that answer when none is named',
      helpValue: 'NODE',
      multiple: true,
    }),
    'yes': yesFlag,
    'cluster-name': Flags.string({
      description: 'with --yes: the name of the cluster, as it would be typed',
      helpValue: 'NAME',
    }),
    'timeout': durationFlag({
      description: 'how long the survivors may take to follow',
      default: PATIENCE_MS,
    }),
  }

  async run(): Promise<unknown> {
    const {flags} = await this.parse(ClusterRecover)
    const client = this.client(flags)
    const line = this.progress()
    line.show('asking every node where it stands')
    const {known} = this.found(flags)
    const picture = await gatherRecovery(client, known?.uuid)
    line.end()
    const plan = this.plan(picture, flags.survivor ?? [])
    if (!flags.force) return this.onlyShown(plan)
    const name = known?.name ?? picture.uuid
    await confirmByName('This cannot be undone.', name, {
      yes: flags.yes,
      given: flags['cluster-name'],
    })
    const done = await recover(client, plan, {
      timeoutMs: flags.timeout,
      onProgress: (text) => line.show(text),
    })
    line.end()
    this.print(doneLines(plan, done))
    return {done: true, plan, ...done, tookMs: Math.round(done.tookMs)}
  }

  /** Shows what was heard and what would be done. @throws AisError when it may not be done */
  private plan(picture: RecoveryPicture, wanted: readonly string[]): RecoveryPlan {
    const plan = planRecovery(
      picture,
      wanted.map((text) => nodeIn(picture, text)),
    )
    const refused = isRefusal(plan)
    this.print([...pictureLines(picture, refused ? null : plan), ''])
    if (refused) throw new AisError({...plan, details: {...plan.details, nodes: picture.nodes}})
    this.print([...planLines(plan), ''])
    return plan
  }

  private onlyShown(plan: RecoveryPlan): unknown {
    this.log('Nothing was changed. Do it: aisctl cluster recover --force')
    process.exitCode = EXIT_REFUSED
    return {done: false, plan}
  }
}
