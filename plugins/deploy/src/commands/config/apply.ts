import {yesFlag} from 'aisctl/kit'
import {ConfigCommand, type Applied} from '../../config-command.ts'
import {deployFlags} from '../../deploy-command.ts'

export default class ConfigApply extends ConfigCommand {
  static override readonly summary =
    'make the cluster what the topology file says, settings included'
  static override readonly description = `Shows what differs, asks, deploys what concerns the hosts and changes the settings that the file names
under config:. A deploy alone leaves the settings of a running cluster as they are.`
  static override readonly examples = [
    '<%= config.bin %> config apply',
    '<%= config.bin %> config apply -f rack1.yaml --yes',
  ]
  static override readonly flags = {...deployFlags, yes: yesFlag}

  async run(): Promise<Applied> {
    const {flags} = await this.parse(ConfigApply)
    return this.applyFile(flags, false)
  }
}
