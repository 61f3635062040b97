import {LabCommand} from '../../lab/lab-command.ts'
import {insideNetwork} from '../../lab/network.ts'
import {splitLine} from '../../lab/pass-through.ts'
import {attempt} from '../../lab/run.ts'

export default class LabNs extends LabCommand {
  static override readonly summary =
    "run a command inside the lab's network, from where its hosts are reached"
  static override readonly examples = [
    '<%= config.bin %> lab ns <%= config.bin %> deploy -f topology.yaml',
    '<%= config.bin %> lab ns curl http://10.43.0.11:51080/v1/health',
  ]
  static override readonly usage = 'lab ns [--name NAME] [COMMAND...]'

  async run(): Promise<void> {
    const {own, foreign} = splitLine(this.argv, 0)
    const {flags} = await this.parse(LabNs, [...own])
    const command = foreign.length === 0 ? [process.env['SHELL'] ?? '/bin/sh'] : foreign
    const lab = this.lab(flags)
    const {status} = await attempt(insideNetwork(lab, command), {terminal: true, timeoutMs: 0})
    process.exitCode = status
  }
}
