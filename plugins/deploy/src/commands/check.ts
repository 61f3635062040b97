import {
  AisctlCommand,
  AisError,
  askSecret,
  Flags,
  formatDuration,
  formatSize,
  loadDeploy,
  planError,
  viewPlan,
  renderTable,
  type CheckResult,
} from 'aisctl/kit'
import {findingLines} from '../finding-lines.ts'
import {DEFAULT_TOPOLOGY, topologyFlag} from '../topology-flag.ts'

export default class Check extends AisctlCommand {
  static override readonly summary = 'look whether a topology can be deployed'
  static override readonly description = `Connects to every host and looks at its login, architecture, libraries, space, ports, mount points,
addresses and clock. Changes nothing. Every finding says why it matters and how it is mended.`
  static override readonly examples = [
    '<%= config.bin %> check',
    '<%= config.bin %> check -f rack1.yaml --json',
  ]
  static override readonly flags = {
    'file': topologyFlag({default: DEFAULT_TOPOLOGY}),
    'accept-new': Flags.boolean({description: 'write down host keys that are not known yet'}),
  }

  async run(): Promise<CheckResult> {
    const {flags} = await this.parse(Check)
    const {prepareCheck} = await loadDeploy()
    const acceptNew = flags['accept-new']
    const check = prepareCheck({file: flags.file, acceptNew, askSecret})
    try {
      const outcome = await viewPlan(check.plan, {quiet: this.jsonEnabled()})
      const error = planError(check.plan, outcome)
      if (error !== undefined) throw error
      const result = check.result()
      const errors = result.findings.filter(({severity}) => severity === 'error')
      if (errors.length > 0) throw refused(result, errors.length, findingLines(result.findings))
      this.print(hostLines(result))
      this.print(findingLines(result.findings))
      this.log(`Nothing speaks against it. Next: aisctl deploy -f ${flags.file}`)
      return result
    } finally {
      await check.close()
    }
  }
}

function refused(result: CheckResult, errors: number, lines: readonly string[]): AisError {
  return new AisError({
    code: 'REFUSED',
    message: `${errors} ${errors === 1 ? 'thing speaks' : 'things speak'} against a deploy\n${lines.join('\n')}`,
    hint: 'nothing was changed; mend it and look again: aisctl check',
    details: {...result},
  })
}

function hostLines({hosts}: CheckResult): readonly string[] {
  return renderTable(hosts, [
    {heading: 'HOST', cell: ({name}) => name},
    {
      heading: 'SYSTEM',
      cell: ({os, container}) => `${os}${container === '' ? '' : ` (${container})`}`,
    },
    {heading: 'ARCH', cell: ({arch}) => arch},
    {heading: 'CPUS', cell: ({cpus}) => String(cpus)},
    {heading: 'MEMORY', cell: ({memoryBytes}) => formatSize(memoryBytes, 1)},
    {heading: 'CLOCK', cell: clockText},
  ])
}

function clockText({clockOffsetMs: ms, clockUncertaintyMs}: CheckResult['hosts'][number]): string {
  if (Math.abs(ms) <= clockUncertaintyMs) return 'agrees'
  return `${formatDuration(Math.abs(ms))} ${ms > 0 ? 'ahead' : 'behind'}`
}
