import {lookAtDebts} from '../../../ops/run/look.ts'
import {HostsCommand} from '../../hosts-command.ts'
import {debtLines} from '../../render/runs-view.ts'

export default class ShowDebts extends HostsCommand {
  static override readonly summary = 'show what earlier commands have left to be done'
  static override readonly description = `A run that could not finish, a host that was not reached, a unit that could not be turned off: each
is written down on the hosts with the command that settles it, and vanishes when that is done.`
  static override readonly examples = [
    '<%= config.bin %> show debts',
    '<%= config.bin %> show debts --json',
  ]

  async run(): Promise<unknown> {
    const {flags} = await this.parse(ShowDebts)
    const {debts, silent} = await this.withFleet(flags, lookAtDebts)
    for (const error of silent.values()) this.warn(error.message)
    this.print(debtLines(debts))
    return {debts, silent: [...silent.keys()]}
  }
}
