/**
 * Resilvers at a gateway, as jobs: each target knows of its own and is asked, as nobody else does.
 */

import type {JobQuery} from '../../wire/action.ts'
import {decodeResilver, RESILVER_KIND, type ResilverSnap} from '../../wire/mountpaths.ts'
import type {NodeContext} from './context.ts'
import {askEveryNode} from './every-node.ts'

/** What ids of resilvers begin with; those of other jobs never do. */
const ID_START = 'r'

export interface TargetResilver {
  readonly target: string
  readonly job: ResilverSnap
}

/** The resilvers that a question is about: of each target the one that runs, or the last. */
export async function resilverJobs(
  context: NodeContext,
  {id, kind, onlyRunning}: JobQuery,
): Promise<readonly TargetResilver[]> {
  if (kind !== '' && kind !== RESILVER_KIND) return []
  if (id !== '' && !id.startsWith(ID_START)) return []
  const {targets} = await askEveryNode(context, 'resilver')
  return Object.entries(targets).flatMap(([target, answer]) => {
    const job = decodeResilver(answer)
    if (job === null || (id !== '' && job.id !== id)) return []
    return onlyRunning === true && job.endedMs !== null ? [] : [{target, job}]
  })
}
