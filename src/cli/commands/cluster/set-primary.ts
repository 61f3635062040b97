import {formatDuration} from '../../../base/units.ts'
import type {Failback} from '../../../client/failback.ts'
import {failBack} from '../../../client/failback.ts'
import {nodeLabel} from '../../../model/ids.ts'
import {AisctlCommand} from '../../command.ts'
import {durationFlag, nodeArg} from '../../flags.ts'
import {gatewayNamed} from '../../gateway-name.ts'
import {paragraph} from '../../render/paragraph.ts'

/** A handover takes well below a second; a gateway that was just busy may take longer to follow. */
const PATIENCE_MS = 15_000

export default class ClusterSetPrimary extends AisctlCommand {
  static override readonly summary = 'make a gateway the primary (failback)'
  static override readonly description = [
    paragraph(
      'The primary hands its office over, in one step that happens or does not, whatever crashes',
      'meanwhile. No election is waited for; requests that come meanwhile wait and are not refused.',
      'Targets, non-electable gateways and those in maintenance are refused.',
    ),
    paragraph(
      'Returns when every gateway that answers names the new primary. Exit code 7: one of them did',
      'not in time; 5: nobody knows whether it was done, and the gateways say who leads.',
    ),
  ].join('\n\n')
  static override readonly examples = [
    '<%= config.bin %> cluster set-primary proxy-h1',
    '<%= config.bin %> cluster set-primary p[MWIp8080] --json',
  ]
  static override readonly args = {
    node: nodeArg({
      required: true,
      description: 'gateway: its id, p[id], an unambiguous start of its id, or its HOST',
    }),
  }
  static override readonly flags = {
    timeout: durationFlag({
      description: 'how long the gateways may take to follow',
      default: PATIENCE_MS,
    }),
  }

  async run(): Promise<Failback> {
    const {args, flags} = await this.parse(ClusterSetPrimary)
    const line = this.progress()
    const done = await failBack(this.client(flags), {
      node: await gatewayNamed(args.node, this.found(flags)),
      timeoutMs: flags.timeout,
      onProgress: (text) => line.show(text),
    })
    line.end()
    this.print(describe(done))
    return {...done, tookMs: Math.round(done.tookMs)}
  }
}

function describe({primary, before, changed, tookMs, gateways}: Failback): readonly string[] {
  const label = nodeLabel('proxy', primary)
  const silent = gateways.filter(({names}) => names === null)
  const follow = gateways.length - silent.length
  const missing = silent.map(
    ({id}) => `${nodeLabel('proxy', id)} does not answer; it will follow when it is back.`,
  )
  const all = `${follow} of ${gateways.length} gateways say so`
  if (!changed)
    return [...missing, `${label} is the primary already (${all}); nothing was changed.`]
  if (before === primary) return [...missing, `${label} is the primary again (${all}).`]
  return [
    ...missing,
    `${label} is the primary; before it ${nodeLabel('proxy', before)}. The handover took ${formatDuration(Math.round(tookMs))}; ${all}.`,
    `See it: aisctl show elections · back again: aisctl cluster set-primary ${before}`,
  ]
}
