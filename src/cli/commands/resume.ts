import {Args, Flags} from '@oclif/core'
import {prepareDeploy} from '../../ops/deploy/prepare.ts'
import {planError} from '../../ops/plan/run.ts'
import {findUnfinished, forgetRun, isLifecycle, planAgain, runMeant} from '../../ops/run/resume.ts'
import type {UnfinishedRun} from '../../ops/run/runs.ts'
import {LifecycleCommand, type LifecycleFlags} from '../lifecycle-command.ts'
import {askSecret} from '../prompt.ts'
import {viewPlan} from '../render/plan-view.ts'
import {resumedLines, unfinishedLines} from '../render/runs-view.ts'

export default class Resume extends LifecycleCommand {
  static override readonly summary = 'go on with a run that was interrupted'
  static override readonly description = `Looks on the hosts for runs that have no end: aisctl was killed, the connection was lost, a step
failed. The plan is made anew from what was intended; every host is looked at again, and what is
done already is not done twice. Works from any machine that can reach the hosts.`
  static override readonly examples = [
    '<%= config.bin %> resume',
    '<%= config.bin %> resume 20261121T230431-5e0c1a',
    '<%= config.bin %> resume 20261121T230431-5e0c1a --forget',
  ]
  static override readonly args = {
    run: Args.string({description: 'id of the run; needed when several are not finished'}),
  }
  static override readonly flags = {
    forget: Flags.boolean({description: 'do not go on: nobody will finish it', default: false}),
  }

  async run(): Promise<unknown> {
    const {args, flags} = await this.parse(Resume)
    const found = await this.withFleet(flags, async (fleet) => {
      const runs = await findUnfinished(fleet)
      const one = runMeant(runs, args.run)
      if (one !== undefined && flags.forget && !flags['dry-run']) await forgetRun(fleet, one.header)
      return one
    })
    if (found === undefined) {
      this.log('Nothing to resume: every run on the hosts has ended.')
      return {run: null}
    }
    this.print(unfinishedLines(found, Date.now()))
    if (flags.forget) {
      this.log(`Run ${found.run} is closed; nothing was changed by it any more.`)
      return {run: found.run, forgotten: true}
    }
    return isLifecycle(found.header) ? this.goOn(flags, found) : this.deployOn(flags, found)
  }

  private goOn(flags: LifecycleFlags, {header}: UnfinishedRun): Promise<unknown> {
    const make = planAgain.bind(undefined, header)
    return this.live(flags, {make, nodes: header.intent.nodes, resumes: header})
  }

  private async deployOn(flags: LifecycleFlags, {header}: UnfinishedRun): Promise<unknown> {
    const deploy = await prepareDeploy({
      file: flags.topology ?? '',
      dryRun: flags['dry-run'],
      timeoutMs: flags.timeout,
      acceptNew: flags['accept-new'],
      askSecret,
      resumes: header,
    })
    try {
      const outcome = await viewPlan(deploy.plan, {quiet: this.jsonEnabled()})
      await deploy.end?.()
      const error = planError(deploy.plan, outcome)
      if (error !== undefined) throw error
      const result = deploy.result()
      this.print(resumedLines(header, result, deploy.debtLine?.()))
      return result
    } finally {
      await deploy.close()
    }
  }
}
