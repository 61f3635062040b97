/** `aisctl playground up`: a local cluster of any size, without root. */

import {
  AisctlCommand,
  durationFlag,
  Flags,
  formatDuration,
  knownClusters,
  survivalOf,
} from 'aisctl/kit'
import {endpointsOf} from '../../playground/plan-nodes.ts'
import {findProgram} from '../../playground/program.ts'
import type {UpResult} from '../../playground/up.ts'
import {bringUp} from '../../playground/up.ts'

const PATIENCE_MS = 60_000
const DEFAULT_NAME = 'playground'

export default class PlaygroundUp extends AisctlCommand {
  static override readonly summary = 'start a local cluster: processes of this machine, no root'
  static override readonly description =
    'Makes what is missing and starts what does not run; again, it repairs a half-dead playground.'
  static override readonly examples = [
    '<%= config.bin %> playground up',
    '<%= config.bin %> playground up --proxies 3 --targets 4 --name big',
  ]
  static override readonly flags = {
    name: Flags.string({description: 'name of the playground', default: DEFAULT_NAME}),
    proxies: Flags.integer({description: 'gateways (default 1)', min: 1}),
    targets: Flags.integer({description: 'storage nodes (default 2)', min: 1}),
    mountpaths: Flags.integer({description: 'mountpaths of each target (default 2)', min: 1}),
    timeout: durationFlag({description: 'how long to wait for it', default: PATIENCE_MS}),
  }

  async run(): Promise<unknown> {
    const {flags} = await this.parse(PlaygroundUp)
    const line = this.progress()
    const size = {
      ...(flags.proxies === undefined ? {} : {proxies: flags.proxies}),
      ...(flags.targets === undefined ? {} : {targets: flags.targets}),
      ...(flags.mountpaths === undefined ? {} : {mountpaths: flags.mountpaths}),
    }
    try {
      const result = await bringUp({
        name: flags.name,
        size,
        program: () => findProgram(this.config.root, (text) => line.show(text)),
        timeoutMs: flags.timeout,
        onProgress: (text) => line.show(text),
      })
      line.end()
      this.print(describe(result))
      return toJson(result)
    } finally {
      line.end()
    }
  }
}

function describe({record, started, created, durationMs}: UpResult): readonly string[] {
  const proxies = record.nodes.filter(({role}) => role === 'proxy').length
  const size = `${count(proxies, 'proxy', 'proxies')} and ${count(record.nodes.length - proxies, 'target', 'targets')}`
  const took = formatDuration(Math.round(durationMs / 10) * 10)
  const what = created
    ? `started in ${took}`
    : started.length === 0
      ? 'was running already; nothing was changed'
      : `repaired in ${took}: ${started.length} of ${record.nodes.length} nodes started`
  // With one known cluster no command needs to be told which.
  const others = knownClusters().clusters.length > 1
  const which = others ? ` --cluster ${record.name}` : ''
  const named = record.name === DEFAULT_NAME ? '' : ` --name ${record.name}`
  return [
    `Playground ${record.name} (${size}) ${what}.`,
    `Gateways: ${endpointsOf(record).join(' ')}`,
    ...survivalLines(record),
    `It serves. Look: aisctl show cluster${which} · use: aisctl bucket create b1${which} · end: aisctl playground down${named}`,
  ]
}

/** How many failures it survives, and what is odd about that. */
function survivalLines({name, nodes}: UpResult['record']): readonly string[] {
  const planned = nodes.map(({id, role}) => ({id, role, electable: true}))
  const {cluster, buckets, warning} = survivalOf(planned)
  const more = `Try it with more: aisctl playground up --proxies 3 --targets 4 --name ${name}2`
  return [cluster, buckets, ...(warning === null ? [] : [`Warning: ${warning.what}. ${more}`])]
}

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`
}

function toJson({record, started, created, durationMs}: UpResult): unknown {
  return {
    name: record.name,
    uuid: record.uuid,
    created,
    started: started.map(({id}) => id),
    endpoints: endpointsOf(record),
    nodes: record.nodes,
    durationMs: Math.round(durationMs),
  }
}
