import {labStatus, type LabStatus} from '../../lab/inventory.ts'
import {LabCommand} from '../../lab/lab-command.ts'
import {statusText} from '../../lab/status-text.ts'

export default class LabStatusCommand extends LabCommand {
  static override readonly summary = 'show hosts, disks, faults and files of a lab'
  static override readonly examples = [
    '<%= config.bin %> lab status',
    '<%= config.bin %> lab status --json',
  ]

  async run(): Promise<LabStatus> {
    const {flags} = await this.parse(LabStatusCommand)
    const status = await labStatus(this.lab(flags))
    this.log(statusText(status))
    return status
  }
}
