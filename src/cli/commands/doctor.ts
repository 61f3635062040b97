import {planDoctor, type Diagnosis} from '../../ops/doctor/doctor.ts'
import {planError, runPlan} from '../../ops/plan/run.ts'
import {findNodes} from '../../ops/topology/find-node.ts'
import {nodeArg} from '../flags.ts'
import {HostsCommand} from '../hosts-command.ts'

export default class Doctor extends HostsCommand {
  static override readonly summary = 'what is wrong with the cluster, and why'
  static override readonly description =
    'Looks at every host once (units, exit statuses, journals, node files, programs, ports, disks, ' +
    'clock, the ways to the other hosts) and says the cause first, then what follows from it, each ' +
    'with what to do. Changes nothing. Exit code 1 when something is wrong. What a cause means: ' +
    'aisctl check --explain ID.'
  static override readonly strict = false
  static override readonly examples = [
    '<%= config.bin %> doctor',
    '<%= config.bin %> doctor h3/target',
    '<%= config.bin %> doctor --json',
  ]
  static override readonly args = {node: nodeArg()}

  async run(): Promise<Diagnosis> {
    const {argv, flags} = await this.parse(Doctor)
    return this.withFleet(flags, async (fleet) => {
      const words = argv as string[]
      const nodes = words.length === 0 ? [] : findNodes(fleet.topology, words)
      const {plan, result} = planDoctor(fleet, nodes, Date.now)
      const line = this.progress()
      line.show(plan.title)
      const outcome = await runPlan(plan)
      line.end()
      const error = planError(plan, outcome)
      if (error !== undefined) throw error
      const diagnosis = result()
      this.print(this.lines(diagnosis))
      if (diagnosis.causes.length > 0) process.exitCode = 1
      return diagnosis
    })
  }

  private lines({causes, hosts, nodes}: Diagnosis): readonly string[] {
    if (causes.length === 0) return [`Nothing is wrong: ${nodes} nodes on ${hosts} hosts are well.`]
    return causes.flatMap(({id, what, why, fix}) => [
      this.paint('red', what),
      `  why: ${why} (aisctl check --explain ${id})`,
      `  fix: ${fix}`,
    ])
  }
}
