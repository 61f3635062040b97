import {loadConfigFile, type Comparison} from 'aisctl/kit'
import {ConfigCommand} from '../../config-command.ts'
import {DEFAULT_TOPOLOGY, topologyFlag} from '../../topology-flag.ts'

/** Exit code when something differs. */
const EXIT_DIFFERS = 2

export default class ConfigDiff extends ConfigCommand {
  static override readonly summary = 'show what is deployed against the topology file'
  static override readonly description = `Lines of the topology as it was deployed last (-) and as the file has it (+), and the settings that the
file names and the cluster has otherwise. Exit code 0 when nothing differs, 2 when something does.`
  static override readonly examples = [
    '<%= config.bin %> config diff',
    '<%= config.bin %> config diff -f rack1.yaml --json',
  ]
  static override readonly flags = {file: topologyFlag({default: DEFAULT_TOPOLOGY})}

  async run(): Promise<Comparison> {
    const {flags} = await this.parse(ConfigDiff)
    const {isSame, readComparison} = await loadConfigFile()
    const {found} = await readComparison(flags.file)
    this.showComparison(found)
    const {cluster, generation} = found
    if (isSame(found)) this.log(`${cluster}, generation ${generation}, is as ${flags.file} says.`)
    else {
      process.exitCode = EXIT_DIFFERS
      this.log(
        `${cluster} differs from ${flags.file}. Make it so: aisctl config apply -f ${flags.file}`,
      )
    }
    return found
  }
}
