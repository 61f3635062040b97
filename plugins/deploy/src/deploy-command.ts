/** What `deploy` and `scale-out` have in common: how a deploy is made, drawn and concluded. */

import {
  AisctlCommand,
  AisError,
  askSecret,
  durationFlag,
  Flags,
  loadDeploy,
  planError,
  viewPlan,
  type DeployOutcome,
} from 'aisctl/kit'
import {deploySummary} from './deploy-summary.ts'
import {bundleFlag, DEFAULT_TOPOLOGY, topologyFlag} from './topology-flag.ts'

const HEALTH_TIMEOUT_MS = 180_000

export const deployFlags = {
  'file': topologyFlag({default: DEFAULT_TOPOLOGY}),
  'dry-run': Flags.boolean({description: 'say what would change; write nothing'}),
  'accept-new': Flags.boolean({description: 'write down host keys that are not known yet'}),
  'timeout': durationFlag({
    description: 'how long the cluster may take to become well',
    default: HEALTH_TIMEOUT_MS,
  }),
  'ungated': Flags.boolean({
    description: 'restart without asking how the cluster is: for one that is down anyway',
  }),
  'bundle': bundleFlag(),
}

export interface DeployFlags {
  readonly 'file': string
  readonly 'dry-run'?: boolean | undefined
  readonly 'accept-new'?: boolean | undefined
  readonly 'timeout': number
  readonly 'ungated'?: boolean | undefined
  readonly 'bundle'?: string | undefined
}

export abstract class DeployCommand extends AisctlCommand {
  /** @param back places of nodes that have left and are to come back */
  protected async deploy(
    flags: DeployFlags,
    back: ReadonlySet<string> = new Set(),
  ): Promise<DeployOutcome> {
    const {prepareDeploy} = await loadDeploy()
    const dryRun = flags['dry-run'] ?? false
    const deploy = await prepareDeploy({
      file: flags.file,
      dryRun,
      timeoutMs: flags.timeout,
      ungated: flags.ungated ?? false,
      back,
      acceptNew: flags['accept-new'] ?? false,
      askSecret,
      ...(flags.bundle === undefined ? {} : {bundle: flags.bundle}),
    })
    try {
      const outcome = await viewPlan(deploy.plan, {quiet: this.jsonEnabled()})
      await deploy.end?.()
      const result = deploy.result()
      for (const {severity, host, what} of result.findings) {
        if (severity === 'warning' && !this.jsonEnabled()) this.warn(`${host}: ${what}`)
      }
      const error = planError(deploy.plan, outcome)
      if (error instanceof AisError) throw withReports(error, result)
      if (error !== undefined) throw error
      this.log(deploySummary(deploy.topology, result, dryRun))
      const debts = deploy.debtLine?.()
      if (debts !== undefined) this.log(debts)
      return result
    } finally {
      await deploy.close()
    }
  }
}

/** `--json` of a failed deploy tells what each host reported before. */
function withReports(error: AisError, {reports}: DeployOutcome): AisError {
  return new AisError({
    code: error.code,
    message: error.message,
    ...(error.hint === undefined ? {} : {hint: error.hint}),
    details: {...error.details, reports},
  })
}
