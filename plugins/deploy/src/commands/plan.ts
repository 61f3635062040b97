import {writeFileSync} from 'node:fs'
import {
  AisctlCommand,
  askSecret,
  Flags,
  formatDeployPlan,
  loadDeploy,
  planError,
  viewPlan,
  type DeployOutcome,
} from 'aisctl/kit'
import {deploySummary} from '../deploy-summary.ts'
import {DEFAULT_TOPOLOGY, topologyFlag} from '../topology-flag.ts'

const TIMEOUT_MS = 180_000

export default class Plan extends AisctlCommand {
  static override readonly summary = 'show what a deploy would change on every host'
  static override readonly description = `Compares each host with what the topology wants: the bytes of every file, units, mounts, kernel
settings. Writes nothing there. With -o the plan is kept: what is intended, and hashes of what was
read; "aisctl apply" makes it anew and goes on only if both are the same. Secrets appear as their
name and the start of their hash.`
  static override readonly examples = [
    '<%= config.bin %> plan',
    '<%= config.bin %> plan -f rack1.yaml -o change.plan',
    '<%= config.bin %> apply change.plan',
  ]
  static override readonly flags = {
    'file': topologyFlag({default: DEFAULT_TOPOLOGY}),
    'output': Flags.string({char: 'o', description: 'keep the plan in this file'}),
    'accept-new': Flags.boolean({description: 'write down host keys that are not known yet'}),
    'bundle': Flags.string({description: 'a file of "aisctl bundle create"'}),
  }

  async run(): Promise<DeployOutcome> {
    const {flags} = await this.parse(Plan)
    const {prepareDeploy} = await loadDeploy()
    const deploy = await prepareDeploy({
      file: flags.file,
      dryRun: true,
      keeps: flags.output !== undefined,
      timeoutMs: TIMEOUT_MS,
      acceptNew: flags['accept-new'],
      askSecret,
      ...(flags.bundle === undefined ? {} : {bundle: flags.bundle}),
    })
    try {
      const outcome = await viewPlan(deploy.plan, {quiet: this.jsonEnabled()})
      const error = planError(deploy.plan, outcome)
      if (error !== undefined) throw error
      this.log(deploySummary(deploy.topology, deploy.result(), true))
      if (flags.output !== undefined) {
        writeFileSync(flags.output, formatDeployPlan(deploy.keep()), {mode: 0o600})
        this.log(`The plan is kept. Apply it: aisctl apply ${flags.output}`)
      }
      return deploy.result()
    } finally {
      await deploy.close()
    }
  }
}
