/** `aisctl playground up`: a local cluster of any size, without root. */

import {AisctlCommand, durationFlag, Flags} from 'aisctl/kit'
import {endpointsOf} from '../../playground/plan-nodes.ts'
import {findProgram} from '../../playground/program.ts'
import type {UpResult} from '../../playground/up.ts'
import {bringUp} from '../../playground/up.ts'
import {DEFAULT_NAME, describeUp} from '../../playground/up-summary.ts'

const PATIENCE_MS = 60_000

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
      this.print(describeUp(result))
      return toJson(result)
    } finally {
      line.end()
    }
  }
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
