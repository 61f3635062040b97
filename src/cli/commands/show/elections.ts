import {REASONS} from '../../render/leader-view.ts'
import {paragraph} from '../../render/paragraph.ts'
import {ShowCommand} from '../../show-command.ts'
import {electionsPage} from '../../show/elections-page.ts'

const LEGEND = Object.values(REASONS)
  .map(({word, means}) => `  ${word.padEnd(14)}${means}`)
  .join('\n')

export default class ShowElections extends ShowCommand {
  static override readonly summary = 'show who was primary when, why it changed, and how it stands'
  static override readonly description = [
    paragraph(
      'The latest changes of primary, oldest first: the epoch (each has at most one primary), who',
      'took office after whom, with how many votes of how many voters, and how long that took from',
      'the first question. Below: the present primary, and how many more nodes may fail before',
      'nothing can be changed.',
    ),
    `Reasons:\n${LEGEND}`,
  ].join('\n\n')
  static override readonly examples = [
    '<%= config.bin %> show elections',
    '<%= config.bin %> show elections --refresh 1',
    '<%= config.bin %> show elections --json',
  ]

  async run(): Promise<unknown> {
    const {flags} = await this.parse(ShowElections)
    const client = this.client(flags)
    return this.show(flags, () => electionsPage(client, {paint: this.paint, nowMs: Date.now()}))
  }
}
