/**
 * Whether a node that says that it is ready does what it is there for: a release may start, become
 * ready and then fail every request. It is asked the small questions of clients again and again; a
 * few failures in a row count, one alone does not.
 */

import {setTimeout as sleep} from 'node:timers/promises'
import {AisError} from '../../base/errors.ts'
import {decodeBmd} from '../../wire/bmd.ts'
import {parseJson} from '../../wire/json.ts'
import type {Ask} from '../cluster/ask.ts'
import {labelOf} from '../cluster/health.ts'
import type {TopologyNode} from '../topology/resolve.ts'

const LOOK_EVERY_MS = 300
/** How long it may fail without a break: a gateway may just have lost sight of its primary. */
const FAILING_MAX_MS = 1200
/** How long it may say that it is not ready: a target waits for a lease before it serves. */
const UNREADY_MAX_MS = 15_000
const QUESTIONS = ['/v1/health', '/v1/daemon?what=smap', '/v1/daemon?what=node_status']
/** A name that nobody has: the answer tells whether the object path works. */
const PROBE_NAME = 'aisctl-release-probe'

export interface ServingOptions {
  readonly node: TopologyNode
  readonly forMs: number
  readonly signal: AbortSignal
}

/** @throws AisError HOST_COMMAND that names what it answered */
export async function checkServing(ask: Ask, options: ServingOptions): Promise<void> {
  const {node, forMs, signal} = options
  const untilMs = performance.now() + forMs
  const paths = [...QUESTIONS, ...(await objectQuestion(ask, node))]
  let sinceMs: number | undefined
  do {
    const wrong = await firstWrong(ask, node, paths)
    sinceMs = wrong === undefined ? undefined : (sinceMs ?? performance.now())
    if (wrong !== undefined && performance.now() - (sinceMs ?? 0) > patienceOf(wrong)) {
      throw notServing(node, wrong)
    }
    await sleep(LOOK_EVERY_MS)
  } while (!signal.aborted && (performance.now() < untilMs || sinceMs !== undefined))
}

interface Wrong {
  readonly path: string
  /** Undefined: no answer. */
  readonly status: number | undefined
}

function patienceOf({status}: Wrong): number {
  return status === undefined || status === 503 ? UNREADY_MAX_MS : FAILING_MAX_MS
}

async function firstWrong(
  ask: Ask,
  node: TopologyNode,
  paths: readonly string[],
): Promise<Wrong | undefined> {
  const answers = await Promise.all(
    paths.map(async (path) => ({path, status: (await ask(node, path))?.status})),
  )
  return answers.find(({status}) => status === undefined || status >= 500)
}

/** Of any bucket; none where there is no bucket. */
async function objectQuestion(ask: Ask, node: TopologyNode): Promise<readonly string[]> {
  const answer = await ask(node, '/v1/daemon?what=bmd')
  if (answer?.status !== 200) return []
  const {buckets} = decodeBmd(parseJson(answer.text))
  const bucket = buckets.find(({ref}) => ref.provider === 'ais' && ref.namespace.name === '')
  if (bucket === undefined) return []
  return [`/v1/objects/${bucket.ref.name}/${PROBE_NAME}`]
}

function notServing(node: TopologyNode, {path, status}: Wrong): AisError {
  const said = status === undefined ? 'does not answer' : `answers ${status} to`
  return new AisError({
    code: 'HOST_COMMAND',
    message: `${labelOf(node)} says that it is ready, but ${said} GET ${path}`,
    hint: `look at its journal: aisctl logs ${node.id}`,
    details: {node: node.id, path, status},
  })
}
