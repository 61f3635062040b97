import {
  AisctlCommand,
  AisError,
  askSecret,
  Flags,
  formatDuration,
  formatSize,
  loadCheckPages,
  loadDeploy,
  planError,
  viewPlan,
  renderTable,
  type CheckResult,
  type Plan,
  type PlanOutcome,
} from 'aisctl/kit'
import {findingLines} from '../finding-lines.ts'
import {DEFAULT_TOPOLOGY, topologyFlag} from '../topology-flag.ts'

export default class Check extends AisctlCommand {
  static override readonly summary = 'look whether a topology can be deployed'
  static override readonly description = `Connects to every host and looks at its login, architecture, libraries, space, ports, mount points,
disks, addresses, clock and who keeps it, limits, firewall and kernel settings. Hosts try their ways
to each other: every port of every node, and packets as large as their interfaces promise. Changes
nothing. Every finding says why it matters and how it is mended; --explain tells more.

--fix mends what is safe to mend and can be undone (kernel settings, the keeper of the clock), reads
it back, and keeps on each host what was before; --undo sets that again. What belongs to the machine
outside of a container is neither found nor mended.`
  static override readonly examples = [
    '<%= config.bin %> check',
    '<%= config.bin %> check -f rack1.yaml --json',
    '<%= config.bin %> check --explain mtu',
    '<%= config.bin %> check --fix',
    '<%= config.bin %> check --undo',
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

  private async mend(plan: Plan, word: string): Promise<MendResult> {
    const {results} = await this.perform(plan)
    const mended = [...results.values()].flatMap((one) => one as MendResult['mended'])
    this.print(mended.map(({host, key, value}) => `${host}: ${key} is ${value}`))
    this.log(
      mended.length === 0
        ? `Nothing was ${word}.`
        : `${mended.length} ${word}. ${word === 'mended' ? 'Undo: aisctl check --undo' : 'Look: aisctl check'}`,
    )
    return {mended}
  }
}

interface CheckPage {
  readonly id: string
}

interface MendResult {
  readonly mended: readonly {readonly host: string; readonly key: string; readonly value: string}[]
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
    {heading: 'KEPT BY', cell: keeperText},
    {heading: 'FIREWALL', cell: ({firewalls}) => firewalls.join(', ') || '-'},
  ])
}

function clockText({clockOffsetMs: ms, clockUncertaintyMs}: CheckResult['hosts'][number]): string {
  if (Math.abs(ms) <= clockUncertaintyMs) return 'agrees'
  return `${formatDuration(Math.abs(ms))} ${ms > 0 ? 'ahead' : 'behind'}`
}

function keeperText({container, clockKeepers}: CheckResult['hosts'][number]): string {
  if (container !== '') return 'not applicable (container)'
  return clockKeepers.join(', ') || 'nobody'
}
