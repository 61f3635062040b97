/** `aisctl playground status`: which nodes of which playgrounds run. */

import {AisctlCommand, AisError, Flags, nodeLabel, renderTable} from 'aisctl/kit'
import type {PlaygroundRecord} from '../../playground/record.ts'
import {playgroundNames, readRecord} from '../../playground/record.ts'
import type {PlaygroundStatus} from '../../playground/status.ts'
import {statusOf} from '../../playground/status.ts'

export default class PlaygroundStatusCommand extends AisctlCommand {
  static override readonly summary = 'show the playgrounds of this machine and their nodes'
  static override readonly examples = ['<%= config.bin %> playground status --json']
  static override readonly flags = {
    name: Flags.string({description: 'only this playground'}),
  }

  async run(): Promise<unknown> {
    const {flags} = await this.parse(PlaygroundStatusCommand)
    const names = flags.name === undefined ? playgroundNames() : [flags.name]
    const statuses = await Promise.all(names.map((name) => statusOf(recordOf(name))))
    if (statuses.length === 0) {
      this.log('No playground exists. Start one: aisctl playground up')
    }
    for (const status of statuses) this.print(describe(status))
    return {playgrounds: statuses}
  }
}

function recordOf(name: string): PlaygroundRecord {
  const record = readRecord(name)
  if (record !== undefined) return record
  throw new AisError({
    code: 'NOT_FOUND',
    message: `there is no playground ${name}`,
    hint: 'see which there are: aisctl playground status',
  })
}

function describe(status: PlaygroundStatus): readonly string[] {
  const table = renderTable(status.nodes, [
    {heading: 'NODE', cell: ({role, id}) => nodeLabel(role, id)},
    {heading: 'PORT', cell: ({port}) => String(port)},
    {heading: 'PID', cell: ({pid}) => (pid === null ? '-' : String(pid))},
    {heading: 'STATE', cell: ({condition}) => condition},
  ])
  return [...table, conclusion(status), '']
}

function conclusion({name, nodes, ready}: PlaygroundStatus): string {
  if (ready === nodes.length) {
    return `Playground ${name}: all ${ready} nodes serve. Look: aisctl show cluster --cluster ${name}`
  }
  return `Playground ${name}: ${ready} of ${nodes.length} nodes serve. Repair it: aisctl playground up --name ${name}`
}
