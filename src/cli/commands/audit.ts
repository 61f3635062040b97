import {Flags} from '@oclif/core'
import {AisError} from '../../base/errors.ts'
import {lookAtAudit} from '../../ops/run/look.ts'
import {HostsCommand} from '../hosts-command.ts'
import {auditLines, breakText} from '../render/runs-view.ts'

const SHOWN = 20

export default class Audit extends HostsCommand {
  static override readonly summary = 'show who did what to the hosts, and how it ended'
  static override readonly description = `Every command that changes hosts writes two lines on each of them, as it begins and as it ends. Each
line holds the hash of the line before, and of how the other hosts' audits ended: with --verify,
what was altered or removed is named, and the exit code is 1.`
  static override readonly examples = [
    '<%= config.bin %> audit',
    '<%= config.bin %> audit --verify',
    '<%= config.bin %> audit --limit 100 --json',
  ]
  static override readonly flags = {
    verify: Flags.boolean({description: 'check the chains of hashes', default: false}),
    limit: Flags.integer({description: 'show the latest so many runs', default: SHOWN, min: 1}),
  }

  async run(): Promise<unknown> {
    const {flags} = await this.parse(Audit)
    const {runs, breaks, silent} = await this.withFleet(flags, lookAtAudit)
    for (const error of silent.values()) this.warn(error.message)
    const shown = runs.slice(-flags.limit)
    this.print(auditLines(shown, flags.verify && breaks.length === 0 ? breaks : undefined))
    if (flags.verify && breaks.length > 0) {
      throw new AisError({
        code: 'BAD_CHECKSUM',
        message: `the audit was altered\n${breaks.map(breakText).join('\n')}`,
        hint: 'compare the hosts: aisctl host exec --all -- tail -n 3 /var/lib/aisctl/audit.jsonl',
        details: {breaks},
      })
    }
    return {runs: shown, ...(flags.verify ? {breaks} : {}), silent: [...silent.keys()]}
  }
}
