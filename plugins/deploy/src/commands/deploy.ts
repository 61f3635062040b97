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
import {deploySummary} from '../deploy-summary.ts'
import {bundleFlag, DEFAULT_TOPOLOGY, topologyFlag} from '../topology-flag.ts'

const HEALTH_TIMEOUT_MS = 180_000

export default class Deploy extends AisctlCommand {
  static override readonly summary = 'make the hosts of a topology a running cluster'
  static override readonly description = `Installs Node.js, aisnode, its users and units on every host over SSH, starts the nodes and
waits until the cluster says that it is well. The hosts need sshd and systemd, nothing else. What
is already so stays untouched: a second deploy changes nothing and restarts nothing. Nodes that run
with old files are restarted one at a time, each when the cluster says that all others are well.`
  static override readonly examples = [
    '<%= config.bin %> deploy',
    '<%= config.bin %> deploy -f rack1.yaml --dry-run',
    '<%= config.bin %> deploy --accept-new',
  ]
  static override readonly flags = {
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

  async run(): Promise<DeployOutcome> {
    const {flags} = await this.parse(Deploy)
    const {prepareDeploy} = await loadDeploy()
    const dryRun = flags['dry-run']
    const deploy = await prepareDeploy({
      file: flags.file,
      dryRun,
      timeoutMs: flags.timeout,
      ungated: flags.ungated,
      acceptNew: flags['accept-new'],
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
