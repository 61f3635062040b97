/** `aisctl playground down`: ends what `up` started and removes what it made. */

import {AisctlCommand, Flags} from 'aisctl/kit'
import type {DownResult} from '../../playground/down.ts'
import {bringDown} from '../../playground/down.ts'
import {playgroundNames, readRecord} from '../../playground/record.ts'

export default class PlaygroundDown extends AisctlCommand {
  static override readonly summary = 'end a playground and remove its data'
  static override readonly examples = [
    '<%= config.bin %> playground down',
    '<%= config.bin %> playground down --all',
    '<%= config.bin %> playground down --name big --keep-data',
  ]
  static override readonly flags = {
    'name': Flags.string({description: 'name of the playground', default: 'playground'}),
    'all': Flags.boolean({description: 'all playgrounds of this machine', default: false}),
    'keep-data': Flags.boolean({
      description: 'end the processes only; `up` continues with the same data',
      default: false,
    }),
  }

  async run(): Promise<unknown> {
    const {flags} = await this.parse(PlaygroundDown)
    const names = flags.all ? playgroundNames() : [flags.name]
    const results: DownResult[] = []
    for (const name of names) {
      const record = readRecord(name)
      if (record === undefined) continue
      const result = await bringDown(record, {
        keepData: flags['keep-data'],
        onRemove: (directory) => this.log(`Removing ${directory}`),
      })
      this.log(describe(result))
      results.push(result)
    }
    if (results.length === 0) {
      const what = flags.all ? 'No playground exists' : `No playground ${flags.name} exists`
      this.log(`${what}; nothing was changed. Start one: aisctl playground up`)
    }
    return {playgrounds: results}
  }
}

function describe({name, stopped, killed, removed}: DownResult): string {
  const ended =
    killed.length === 0
      ? `${stopped.length} processes ended`
      : `${stopped.length} processes ended, ${killed.length} of them killed (${killed.join(', ')})`
  const next =
    removed === null
      ? `its data is kept. Start it again: aisctl playground up --name ${name}`
      : `nothing of it is left. Start a new one: aisctl playground up`
  return `Playground ${name}: ${ended}, ${next}`
}
