import {Args, Flags} from '@oclif/core'
import {AisError} from '../../../base/errors.ts'
import {normalizeUrl} from '../../../client/find-cluster.ts'
import {nodeLabel} from '../../../model/ids.ts'
import type {Role} from '../../../model/node.ts'
import {parseEndpoint} from '../../../model/node.ts'
import {AisctlCommand} from '../../command.ts'

export default class ClusterJoin extends AisctlCommand {
  static override readonly summary = 'let a standby or misconfigured node join the cluster'
  static override readonly aliases = ['cluster:add-remove-nodes:join']
  static override readonly examples = [
    '<%= config.bin %> cluster join http://10.0.0.7:51082',
    '<%= config.bin %> cluster add-remove-nodes join --role proxy --non-electable http://10.0.0.7:51084',
  ]
  static override readonly args = {
    url: Args.string({description: 'address of its control network', required: true}),
  }
  static override readonly flags = {
    'role': Flags.string({
      description: 'what it has to be; without it, whatever it is',
      options: ['proxy', 'target'],
    }),
    'non-electable': Flags.boolean({
      description: 'a proxy that never becomes primary',
      default: false,
    }),
  }

  async run(): Promise<unknown> {
    const {args, flags} = await this.parse(ClusterJoin)
    const {nodeId, rebalanceId, role} = await this.client(flags).joinByAdmin(controlUrl(args.url), {
      ...(flags.role === undefined ? {} : {role: flags.role as Role}),
      nonElectable: flags['non-electable'],
    })
    const label = nodeLabel(role, nodeId)
    const moving = rebalanceId === '' ? '' : ` Started rebalance "${rebalanceId}".`
    this.log(`${label} has joined the cluster.${moving} See it: aisctl show cluster ${nodeId}`)
    return {nodeId, role, rebalanceId}
  }
}

/** @throws AisError USAGE without a port: a control network has no usual one */
function controlUrl(text: string): string {
  const url = normalizeUrl(text)
  if (parseEndpoint(url) !== undefined) return url
  throw new AisError({
    code: 'USAGE',
    message: `${JSON.stringify(text)} is not the address of a node`,
    hint: 'give its control network as http://HOST:PORT (a target has port 51082, a gateway 51084)',
  })
}
