import {Args, Flags} from '@oclif/core'
import {AisError} from '../../../base/errors.ts'
import {meantNodes} from '../../../client/take-out.ts'
import {prepareDeploy} from '../../../ops/deploy/prepare.ts'
import {additionsOf} from '../../../ops/node/scale-out.ts'
import {planError} from '../../../ops/plan/run.ts'
import {durationFlag, nodeArg, yesFlag} from '../../flags.ts'
import {nodesNamed} from '../../gateway-name.ts'
import {noteOrderedOut, writeDownGone} from '../../left-nodes.ts'
import {MembershipCommand} from '../../membership-command.ts'
import {askSecret, confirm} from '../../prompt.ts'
import {concludeText} from '../../render/decommission-text.ts'
import {paragraph} from '../../render/paragraph.ts'
import {viewPlan} from '../../render/plan-view.ts'

/** Moving the data of a large target takes hours. */
const PATIENCE_MS = 24 * 3_600_000
/** As of a deploy. */
const WELL_MS = 180_000

export default class NodeReplace extends MembershipCommand {
  static override readonly summary =
    'put a new node in the place of one, which then leaves for good'
  static override readonly description = paragraph(
    'The new one stands in the topology file already. It is deployed and waited for; then the data of',
    'the old one moves, is verified, and the old one leaves: at no moment there are fewer nodes. One',
    'that is lost cannot give its data away: scale-out, then advanced remove-from-smap.',
  )
  static override readonly examples = [
    '<%= config.bin %> node replace h3/target -f rack1.yaml',
    '<%= config.bin %> node replace h3/target h3/target-2',
  ]
  static override readonly args = {
    node: nodeArg({required: true}),
    by: Args.string({description: 'a node that has left and comes back: its id or HOST/INSTANCE'}),
  }
  static override readonly flags = {
    file: Flags.string({char: 'f', description: 'topology file', default: 'topology.yaml'}),
    yes: yesFlag,
    timeout: durationFlag({description: 'how long the data may take', default: PATIENCE_MS}),
  }

  async run(): Promise<unknown> {
    const {args, flags} = await this.parse(NodeReplace)
    const found = this.found(flags)
    const names = await nodesNamed([args.node], found)
    const action = 'decommission-node'
    const uuid = found.known?.uuid
    const [old] = await meantNodes(this.client(flags), {action, names, uuid})
    if (old === undefined || old.member.away !== null) throw isLost(args.node)
    const {nodes, back} = additionsOf(flags.file, args.by === undefined ? [] : [args.by])
    this.log(`New (${nodes.length}): ${nodes.join(', ')} · leaves: ${args.node}`)
    await confirm(`Add the new, then take ${args.node} out for good?`, {yes: flags.yes})
    await this.add(flags.file, back)
    const order = {...flags, 'yes': true, 'wait': true, 'no-rebalance': false}
    return this.order(order, {
      action,
      names,
      question: null,
      settle: async () => {
        await noteOrderedOut(found, [old.id])
        return (await writeDownGone(found, [old.id])).lines
      },
      conclude: (done) => concludeText(done, true),
    })
  }

  private async add(file: string, back: ReadonlySet<string>): Promise<void> {
    const deploy = await prepareDeploy({file, dryRun: false, timeoutMs: WELL_MS, back, askSecret})
    try {
      const outcome = await viewPlan(deploy.plan, {quiet: this.jsonEnabled()})
      await deploy.end?.()
      const error = planError(deploy.plan, outcome)
      if (error !== undefined) throw error
    } finally {
      await deploy.close()
    }
  }
}

function isLost(name: string): AisError {
  return new AisError({
    code: 'WRONG_STATE',
    message: `${name} is off: its data cannot move; nothing was changed`,
    hint: `start it; or, when it is lost for good: aisctl scale-out, then aisctl advanced remove-from-smap ${name}`,
  })
}
