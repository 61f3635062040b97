import {verifyUnits, type VerifiedUnit} from '../../../ops/across/units.ts'
import {findNodes} from '../../../ops/topology/find-node.ts'
import {nodesOf} from '../../../ops/topology/resolve.ts'
import {nodeArg} from '../../flags.ts'
import {HostsCommand} from '../../hosts-command.ts'
import {renderTable} from '../../render/table.ts'

export default class UnitVerify extends HostsCommand {
  static override readonly summary = 'what systemd thinks of the units of nodes, on their hosts'
  static override readonly description = `Runs systemd-analyze verify and security on every host, compares the unit with the shipped one, and reads
from /proc what its process really has got. Exit code 1 when something speaks against a unit.`
  static override readonly strict = false
  static override readonly examples = [
    '<%= config.bin %> unit verify',
    '<%= config.bin %> unit verify h3/target --json',
  ]
  static override readonly args = {node: nodeArg()}

  async run(): Promise<{readonly units: readonly VerifiedUnit[]}> {
    const {argv, flags} = await this.parse(UnitVerify)
    return this.withFleet(flags, async (fleet) => {
      const words = argv as string[]
      const {topology} = fleet
      const nodes = words.length === 0 ? nodesOf(topology) : findNodes(topology, words)
      const done = await verifyUnits(fleet, nodes)
      const [lost] = done.flatMap(({error}) => error ?? [])
      if (lost !== undefined) throw lost
      const units = done.flatMap(({result}) => result ?? [])
      const remarks = units.flatMap((unit) =>
        [...unit.problems, ...unit.notes].map((problem) => `${unit.host}/${unit.unit}: ${problem}`),
      )
      this.print([...tableOf(units), ...remarks])
      const wrong = units.filter((unit) => unit.problems.length > 0).length
      if (wrong > 0) process.exitCode = 1
      this.log(
        wrong === 0
          ? `${units.length} units are as they should be.`
          : `${wrong} of ${units.length} units are not as they should be.`,
      )
      return {units}
    })
  }
}

function tableOf(units: readonly VerifiedUnit[]): readonly string[] {
  return renderTable(units, [
    {heading: 'HOST', cell: ({host}) => host},
    {heading: 'UNIT', cell: ({unit}) => unit},
    {heading: 'EXPOSURE', cell: ({exposure}) => String(exposure ?? '-')},
    {heading: 'WATCHDOG', cell: ({watchdog}) => watchdog},
    {heading: 'RESTART', cell: ({restart}) => restart},
    {heading: 'ENABLED', cell: ({enabled}) => enabled},
    {heading: 'OPEN FILES', cell: ({openFiles}) => String(openFiles.effective ?? '-')},
  ])
}
