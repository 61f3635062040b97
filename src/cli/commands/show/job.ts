import {Args, Flags} from '@oclif/core'
import {AisError} from '../../../base/errors.ts'
import {ShowCommand} from '../../show-command.ts'
import {rebalancePage} from '../../show/rebalance-page.ts'
import {resilverPage} from '../../show/resilver-page.ts'
import {RESILVER_KIND} from '../../../wire/mountpaths.ts'

export default class ShowJob extends ShowCommand {
  static override readonly summary =
    'show jobs by kind or id: the rebalance of the cluster, resilvers of targets'
  static override readonly aliases = ['show:job:xaction']
  static override readonly examples = [
    '<%= config.bin %> show job',
    '<%= config.bin %> show job xaction g1',
    '<%= config.bin %> show job rebalance --all',
    '<%= config.bin %> show job resilver',
  ]
  static override readonly args = {
    job: Args.string({description: 'its id, g3, or its kind, rebalance or resilver'}),
  }
  static override readonly flags = {
    all: Flags.boolean({description: 'those that are over, too', default: false}),
  }

  async run(): Promise<unknown> {
    const {args, flags} = await this.parse(ShowJob)
    const client = this.client(flags)
    const {paint} = this
    if (args.job === RESILVER_KIND) {
      return this.show(flags, () => resilverPage(client, {all: flags.all, paint}))
    }
    const id = idOf(args.job)
    return this.show(flags, () =>
      rebalancePage(client, {
        all: flags.all,
        ...(id === undefined ? {} : {id}),
        paint,
      }),
    )
  }
}

/** @throws AisError USAGE for what names no job of this release */
function idOf(text: string | undefined): string | undefined {
  if (text === undefined || text === 'rebalance') return undefined
  if (/^g\d+$/.test(text)) return text
  throw new AisError({
    code: 'USAGE',
    message: `there is no job ${JSON.stringify(text)}`,
    hint: 'a job is rebalance, or its id: g1, g2, …; or resilver',
  })
}
