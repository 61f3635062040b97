import {Flags} from '@oclif/core'
import {AisError} from '../../../base/errors.ts'
import {adoptAll} from '../../../client/adopt.ts'
import {meantNodes} from '../../../client/take-out.ts'
import {nodeLabel} from '../../../model/ids.ts'
import {AisctlCommand} from '../../command.ts'
import {nodeArg, yesFlag} from '../../flags.ts'
import {nodesNamed} from '../../gateway-name.ts'
import {confirm} from '../../prompt.ts'
import {lastLine, partly, takenText} from '../../render/adopt-view.ts'
import {paragraph} from '../../render/paragraph.ts'

export default class NodeAdoptData extends AisctlCommand {
  static override readonly summary =
    'take up what a target has kept aside since it was removed from the map'
  static override readonly description = [
    paragraph(
      'A target that was removed (advanced remove-from-smap) and has come back is empty; what it held',
      'lies aside on its disks. Every object that the cluster does not have is stored anew. A name',
      'that the cluster has stays as it is there. What was deleted since the removal comes back.',
    ),
    paragraph(
      'It may be interrupted and repeated. Exit code 6: something could not be taken up, and stays',
      'aside.',
    ),
  ].join('\n\n')
  static override readonly examples = [
    '<%= config.bin %> node adopt-data target-h3',
    '<%= config.bin %> node adopt-data t[ikht8083] --discard-rest --yes',
  ]
  static override readonly args = {node: nodeArg({required: true})}
  static override readonly flags = {
    'discard-rest': Flags.boolean({
      description: 'remove what the cluster does not need: names that it has, and deletes',
      default: false,
    }),
    'yes': yesFlag,
  }

  async run(): Promise<unknown> {
    const {args, flags} = await this.parse(NodeAdoptData)
    const client = this.client(flags)
    const found = this.found(flags)
    const names = await nodesNamed([args.node], found, 'target')
    const [node] = await meantNodes(client, {
      action: 'stop-maintenance',
      names,
      uuid: found.known?.uuid,
    })
    if (node?.role !== 'target') {
      throw new AisError({code: 'USAGE', message: `${args.node} is no target: it has no data`})
    }
    const label = nodeLabel(node.role, node.id)
    const discard = flags['discard-rest']
    const rest = discard ? ' What the cluster has by now is removed there.' : ''
    const back = 'What was deleted since its removal comes back.'
    await confirm(`Take up what ${label} has kept aside? ${back}${rest}`, {yes: flags.yes})
    const line = this.progress()
    const sum = await adoptAll(client, node.id, {
      discard,
      onProgress: (so) => line.show(takenText(so)),
    })
    line.end()
    this.log(lastLine(label, sum, discard))
    if (sum.failed > 0) throw partly(label, sum)
    const {adopted, bytes, present, obsolete, failed} = sum
    return {node: node.id, adopted, bytes, present, obsolete, failed, discarded: discard}
  }
}
