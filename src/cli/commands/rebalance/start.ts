import {Flags} from '@oclif/core'
import {sameCluster} from '../../../client/look-until.ts'
import {awaitRebalance} from '../../../client/rebalance.ts'
import {AisctlCommand} from '../../command.ts'
import {durationFlag} from '../../flags.ts'
import {endText, progressText} from '../../render/departure-view.ts'

/** Moving the data of a large cluster takes hours. */
const PATIENCE_MS = 24 * 3_600_000

export default class RebalanceStart extends AisctlCommand {
  static override readonly summary = 'move every object to the target that it belongs to'
  static override readonly description =
    'Begins by itself when targets come and go; by hand after --no-rebalance, or after it was stopped.'
  static override readonly aliases = ['start:rebalance']
  static override readonly examples = [
    '<%= config.bin %> rebalance start',
    '<%= config.bin %> rebalance start --wait',
  ]
  static override readonly flags = {
    wait: Flags.boolean({description: 'return when it is finished', default: false}),
    timeout: durationFlag({description: 'with --wait: how long at most', default: PATIENCE_MS}),
  }

  async run(): Promise<unknown> {
    const {flags} = await this.parse(RebalanceStart)
    const client = this.client(flags)
    const uuid = this.found(flags).known?.uuid
    if (uuid !== undefined) sameCluster(client, uuid, (await client.membership.operation()).uuid)
    const id = await client.membership.startRebalance()
    if (id === '') {
      this.log('Nothing has to move. See it: aisctl show rebalance --all')
      return {rebalance: null, finished: true}
    }
    this.log(`Started rebalance[${id}]. To monitor the progress, run 'aisctl show rebalance'`)
    if (!flags.wait) return {rebalance: id, finished: false}
    const line = this.progress()
    const end = await awaitRebalance(client, {
      id,
      uuid,
      timeoutMs: flags.timeout,
      onLook: (answer) => line.show(progressText(answer)),
      onSilence: ({message}) => line.show(`${message}; trying again`),
    })
    line.end()
    this.log(endText(end))
    return {rebalance: id, finished: true, end}
  }
}
