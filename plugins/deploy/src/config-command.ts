/** What `config diff`, `apply` and `edit` have in common: what differs, and how it is made so. */

import {
  AisError,
  confirm,
  loadConfigFile,
  paintDiff,
  type Comparison,
  type DeployOutcome,
} from 'aisctl/kit'
import {DeployCommand, type DeployFlags} from './deploy-command.ts'

export interface ApplyFlags extends DeployFlags {
  readonly yes: boolean
}

export interface Applied extends Comparison {
  readonly deploy: DeployOutcome | null
}

export abstract class ConfigCommand extends DeployCommand {
  /** Shows what differs. */
  protected showComparison(found: Comparison): void {
    const {topology, settings, refused, silent} = found
    this.print(paintDiff(topology, this.paint))
    this.print(
      settings.map(({key, cluster, file, restart}) => {
        const later = restart ? ' (counts after a restart)' : ''
        return `${key}: ${this.paint('red', cluster)} in the cluster, ${this.paint('green', file)} in the file${later}`
      }),
    )
    this.print(refused.map((line) => this.paint('yellow', `refused: ${line}`)))
    if (silent !== '') this.warn(`the settings of the cluster were not compared: ${silent}`)
  }

  /** Makes it so: the hosts by a deploy, then the settings that the file names. */
  protected async applyFile(flags: ApplyFlags, asked: boolean): Promise<Applied> {
    const {isSame, readComparison, settingsOf} = await loadConfigFile()
    const {found, client} = await readComparison(flags.file)
    const dryRun = flags['dry-run'] ?? false
    if (!asked) this.showComparison(found)
    if (found.refused.length > 0) throw refusedError(found.refused)
    if (isSame(found)) {
      this.log(`${found.cluster} is as ${flags.file} says: nothing to apply.`)
      return {...found, deploy: null}
    }
    if (!asked && !dryRun)
      await confirm(`Apply ${flags.file} to ${found.cluster}?`, {yes: flags.yes})
    const deploy = found.topology.length === 0 ? null : await this.deploy(flags)
    if (found.settings.length > 0 && !dryRun) {
      await client.setConfig(settingsOf(found.settings))
      const keys = found.settings.map(({key}) => key)
      this.log(`${keys.join(', ')} set. See it: aisctl config get ${keys[0] ?? ''}`)
    }
    return {...found, deploy}
  }
}

function refusedError(refused: readonly string[]): AisError {
  return new AisError({
    code: 'REFUSED',
    message: `the file contradicts the deployed cluster:\n${refused.join('\n')}`,
    hint: 'nothing was changed; put the old values back',
    details: {problems: refused},
  })
}
