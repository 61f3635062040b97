import {AisError, confirm, loadConfigEdit, paintDiff, yesFlag} from 'aisctl/kit'
import {ConfigCommand, type Applied} from '../../config-command.ts'
import {deployFlags} from '../../deploy-command.ts'

export default class ConfigEdit extends ConfigCommand {
  static override readonly summary = 'edit the topology file and apply it'
  static override readonly description = `Opens a copy in $VISUAL, $EDITOR or vi. What is saved there is read strictly; mistakes are shown with
line and column and can be mended at once. What may not change once a cluster is deployed is refused
with the reason. The difference is shown, then it is asked; the file is written and applied.`
  static override readonly examples = [
    '<%= config.bin %> config edit',
    'EDITOR="code --wait" <%= config.bin %> config edit -f rack1.yaml',
  ]
  static override readonly flags = {...deployFlags, yes: yesFlag}

  async run(): Promise<Applied | {readonly changed: false}> {
    const {flags} = await this.parse(ConfigEdit)
    const {beginEdit} = await loadConfigEdit()
    const editing = beginEdit(flags.file)
    try {
      const diff = await this.edited(editing)
      if (diff.length === 0) {
        this.log(`${flags.file} was not changed.`)
        return {changed: false}
      }
      this.print(paintDiff(diff, this.paint))
      if (flags['dry-run']) {
        this.log('Nothing was written.')
        return {changed: false}
      }
      await confirm(`Write ${flags.file} and apply it?`, {yes: flags.yes})
      editing.save()
    } finally {
      editing.discard()
    }
    return this.applyFile(flags, true)
  }

  /** The difference, once the copy can be deployed; mistakes go back into the editor. */
  private async edited(editing: {edit(): Promise<void>; diff(): string[]}): Promise<string[]> {
    for (;;) {
      await editing.edit()
      try {
        return editing.diff()
      } catch (error) {
        if (!(error instanceof AisError) || !process.stdin.isTTY) throw error
        this.logToStderr(error.message)
        await confirm('Edit it again?', {yes: false})
      }
    }
  }
}
