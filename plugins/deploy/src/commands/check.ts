import {
  AisctlCommand,
  askSecret,
  Flags,
  loadCheckPages,
  loadDeploy,
  planError,
  viewPlan,
  type CheckResult,
  type Plan,
  type PlanOutcome,
} from 'aisctl/kit'
import {hostLines, mendLines, refusalOf, type MendResult} from '../check-lines.ts'
import {findingLines} from '../finding-lines.ts'
import {CHECK_DESCRIPTION} from '../check-description.ts'
import {DEFAULT_TOPOLOGY, topologyFlag} from '../topology-flag.ts'

export default class Check extends AisctlCommand {
  static override readonly summary = 'look whether a topology can be deployed'
  static override readonly description = CHECK_DESCRIPTION
  static override readonly examples = [
    '<%= config.bin %> check -f rack1.yaml --json',
    '<%= config.bin %> check --explain mtu',
    '<%= config.bin %> check --fix',
  ]
  static override readonly flags = {
    'file': topologyFlag({default: DEFAULT_TOPOLOGY}),
    'accept-new': Flags.boolean({description: 'write down host keys that are not known yet'}),
    'explain': Flags.string({
      description: 'what a finding means: what is asked, why, how it is mended and undone',
      helpValue: 'ID',
      exclusive: ['fix', 'undo'],
    }),
    'fix': Flags.boolean({description: 'mend what is safe to mend', exclusive: ['undo']}),
    'undo': Flags.boolean({description: 'set again what was before --fix'}),
  }

  async run(): Promise<CheckResult | CheckPage | MendResult> {
    const {flags} = await this.parse(Check)
    if (flags.explain !== undefined) return this.explain(flags.explain)
    const {prepareCheck} = await loadDeploy()
    const acceptNew = flags['accept-new']
    const check = prepareCheck({file: flags.file, acceptNew, askSecret})
    try {
      if (flags.undo) return await this.mend(check.undo(), 'undone')
      await this.perform(check.plan)
      if (flags.fix) {
        const mended = await this.mend(check.mend(), 'mended')
        if (mended.mended.length > 0) await this.perform(check.plan)
      }
      const result = check.result()
      const refusal = refusalOf(result)
      if (refusal !== undefined) throw refusal
      this.print(hostLines(result))
      this.print(findingLines(result.findings))
      this.log(`Nothing speaks against it. Next: aisctl deploy -f ${flags.file}`)
      return result
    } finally {
      await check.close()
    }
  }

  private async explain(id: string): Promise<CheckPage> {
    const {explain, EXPLANATIONS} = await loadCheckPages()
    this.print(explain(id))
    return {id, ...EXPLANATIONS[id]}
  }

  private async perform(plan: Plan): Promise<PlanOutcome> {
    const outcome = await viewPlan(plan, {quiet: this.jsonEnabled()})
    const error = planError(plan, outcome)
    if (error !== undefined) throw error
    return outcome
  }

  private async mend(plan: Plan, word: 'mended' | 'undone'): Promise<MendResult> {
    const {results} = await this.perform(plan)
    const mended = [...results.values()].flatMap((one) => one as MendResult['mended'])
    this.print(mendLines({mended}, word))
    return {mended}
  }
}

interface CheckPage {
  readonly id: string
}
