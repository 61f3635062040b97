import {Args} from '@oclif/core'
import {planError} from '../../../ops/plan/run.ts'
import {
  openRestore,
  writeTopology,
  type Restore,
  type RestoreView,
} from '../../../ops/state/restore.ts'
import {AisctlCommand} from '../../command.ts'
import {askSecret, confirmByName} from '../../prompt.ts'
import {restoreFlags} from '../../restore-flags.ts'
import {viewPlan} from '../../render/plan-view.ts'
import {RESTORE_HELP, restoreLines, shownOf} from '../../render/restore-view.ts'

export default class ClusterRestore extends AisctlCommand {
  static override readonly summary = 'bring a cluster back that has lost its record'
  static override readonly description = RESTORE_HELP
  static override readonly examples = [
    '<%= config.bin %> cluster restore prod.backup --dry-run',
    '<%= config.bin %> cluster restore prod.backup --passphrase-file ~/.prod-passphrase',
    '<%= config.bin %> cluster restore prod.backup --lost h3 --yes --cluster-name prod',
  ]
  static override readonly args = {
    file: Args.string({description: 'the backup', required: true}),
  }
  static override readonly flags = restoreFlags

  async run(): Promise<unknown> {
    const {args, flags} = await this.parse(ClusterRestore)
    const passphraseFile = flags['passphrase-file']
    const restore = openRestore({
      file: args.file,
      ...(passphraseFile === undefined ? {} : {passphraseFile}),
      lost: flags.lost ?? [],
      timeoutMs: flags.timeout,
      acceptNew: flags['accept-new'],
      askSecret,
    })
    try {
      const file = flags['write-topology']
      if (file !== undefined && writeTopology(restore.backup, file)) this.log(`${file} is written.`)
      const view = await this.look(restore)
      if (flags['dry-run']) return {done: false, ...shownOf(view)}
      const {name} = restore.backup.state.topology.cluster
      const {yes} = flags
      await confirmByName('This cannot be undone.', name, {yes, given: flags['cluster-name']})
      return await this.act(restore, view)
    } finally {
      await restore.close()
    }
  }

  private async look(restore: Restore): Promise<RestoreView> {
    await viewPlan(restore.look, {quiet: this.jsonEnabled()})
    const view = restore.judge()
    this.print(restoreLines(view))
    return view
  }

  private async act(restore: Restore, view: RestoreView): Promise<unknown> {
    const plan = restore.act(view)
    const error = planError(plan, await viewPlan(plan, {quiet: this.jsonEnabled()}))
    if (error !== undefined) throw error
    const {leader} = view.verdict
    this.log(`p[${leader.id}] leads. Look: aisctl show cluster · aisctl show elections`)
    return {done: true, ...shownOf(view)}
  }
}
