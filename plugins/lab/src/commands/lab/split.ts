import {LabCommand} from '../../lab/lab-command.ts'
import {addRules, parseGroups, splitRules} from '../../lab/partitions.ts'
import {parseHosts} from '../../lab/state.ts'

export default class LabSplit extends LabCommand {
  static override readonly summary =
    'split the network into groups of hosts that do not reach each other'
  static override readonly examples = ['<%= config.bin %> lab split "1 2" "3 4 5"']
  static override readonly strict = false

  async run(): Promise<{groups: number[][]}> {
    const {argv, flags} = await this.parse(LabSplit)
    return this.changeLab(flags, async (lab) => {
      const groups = parseGroups(argv as string[], (words) => parseHosts(lab, words))
      await addRules(lab, splitRules(groups))
      const text = groups.map((group) => group.map((host) => `h${host}`).join(' ')).join(' | ')
      this.log(`split: ${text}, until: aisctl lab heal`)
      return {groups}
    })
  }
}
