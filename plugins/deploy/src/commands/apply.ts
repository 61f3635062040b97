import {readFileSync} from 'node:fs'
import {
  AisctlCommand,
  Args,
  askSecret,
  Flags,
  loadDeploy,
  parseDeployPlan,
  planError,
  viewPlan,
  type DeployOutcome,
} from 'aisctl/kit'
import {deploySummary} from '../deploy-summary.ts'

export default class Apply extends AisctlCommand {
  static override readonly summary = 'do what a kept plan says, if it still fits'
  static override readonly description = `Makes the plan anew under the lock: the same release, topology generation and steps, and the same facts
on every host. Anything else is shown and nothing is changed.`
  static override readonly examples = ['<%= config.bin %> apply change.plan']
  static override readonly args = {
    file: Args.string({description: 'a plan of "aisctl plan -o FILE"', required: true}),
  }
  static override readonly flags = {
    bundle: Flags.string({description: 'a file of "aisctl bundle create"'}),
  }

  async run(): Promise<DeployOutcome> {
    const {args, flags} = await this.parse(Apply)
    const kept = parseDeployPlan(readFileSync(args.file, 'utf8'), args.file)
    const {prepareDeploy} = await loadDeploy()
    const deploy = await prepareDeploy({
      file: args.file,
      applies: kept,
      dryRun: false,
      timeoutMs: kept.intent.timeoutMs,
      askSecret,
      ...(flags.bundle === undefined ? {} : {bundle: flags.bundle}),
    })
    try {
      const outcome = await viewPlan(deploy.plan, {quiet: this.jsonEnabled()})
      await deploy.end?.()
      const error = planError(deploy.plan, outcome)
      if (error !== undefined) throw error
      this.log(deploySummary(deploy.topology, deploy.result(), false))
      const debts = deploy.debtLine?.()
      if (debts !== undefined) this.log(debts)
      return deploy.result()
    } finally {
      await deploy.close()
    }
  }
}
