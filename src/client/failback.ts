/**
 * Handing the office of primary to a gateway, from the question who is meant to the evidence that
 * every gateway follows it.
 */

import {setTimeout as sleep} from 'node:timers/promises'
import {AisError} from '../base/errors.ts'
import {formatDuration} from '../base/units.ts'
import {nodeLabel} from '../model/ids.ts'
import type {Member} from '../model/node.ts'
import {endpointUrl, isElectable, isLeaving, NODE_FLAG} from '../model/node.ts'
import type {Smap} from '../model/record.ts'
import {decodeSmap} from '../wire/smap.ts'
import type {ClusterClient} from './cluster.ts'
import {findLeader} from './leader.ts'
import {EVIDENCE_POLL_MS} from './limits.ts'
import {resolveNode} from './node-name.ts'

export interface FailbackOptions {
  /** As typed. */
  readonly node: string
  /** How long the gateways may take to follow. */
  readonly timeoutMs: number
  onProgress?(text: string): void
}

/** What one gateway says. */
export interface GatewayView {
  readonly id: string
  /** Whom it names as primary; null when it does not answer. */
  readonly names: string | null
}

export interface Failback {
  readonly primary: string
  readonly before: string
  /** False: it was the primary already. */
  readonly changed: boolean
  readonly tookMs: number
  readonly gateways: readonly GatewayView[]
}

/** @throws AisError when it may not lead, or when not every gateway follows it in time */
export async function failBack(client: ClusterClient, options: FailbackOptions): Promise<Failback> {
  const {smap} = decodeSmap(await client.smap())
  const heir = electable(smap, options.node)
  // The gateway that answered may be cut off: its map is not the last word on who leads.
  const leader = await findLeader(client, smap)
  const before = leader?.primary ?? smap.primary
  const changed = before !== heir.id || leader?.live === false
  const from = nodeLabel('proxy', before)
  if (leader?.live === false)
    options.onProgress?.('there is no primary at present: waiting for one')
  else if (changed) options.onProgress?.(`handing over from ${from} to p[${heir.id}]`)
  const beganMs = performance.now()
  // Who is silent now is not waited for; finding that out delays nothing.
  const [first, ordered] = await Promise.all([
    lookAround(client, gatewaysOf(smap)),
    changed ? order(client, heir.id) : {tookMs: 0, doubt: undefined},
  ])
  const silent = first.filter(({names}) => names === null)
  const present = gatewaysOf(smap).filter(({id}) => !silent.some((view) => view.id === id))
  const epoch = leader?.epoch ?? 0
  const waiting = {smap, heir: heir.id, present, epoch, doubt: ordered.doubt, beganMs}
  const gateways = await evidence(client, waiting, options)
  return {
    primary: heir.id,
    before,
    changed,
    tookMs: ordered.doubt === undefined ? ordered.tookMs : performance.now() - beganMs,
    gateways: [...gateways, ...silent].toSorted((a, b) => (a.id < b.id ? -1 : 1)),
  }
}

/** The gateway that is meant. @throws AisError REFUSED with the reason when it cannot lead */
function electable(smap: Smap, text: string): Member {
  const member = find(smap, text)
  if (isElectable(member) && member.away === null) return member
  const others = Object.values(smap.nodes)
    .filter((one) => isElectable(one) && one.away === null && one.id !== smap.primary)
    .map(({id}) => nodeLabel('proxy', id))
  throw new AisError({
    code: 'REFUSED',
    message: `${nodeLabel(member.role, member.id)} ${whyNot(member)}; nothing was changed`,
    hint:
      others.length === 0
        ? 'there is no other gateway that could lead now: aisctl show cluster'
        : `these can lead: ${others.toSorted().join(', ')}`,
    details: {node: member.id, electable: others},
  })
}

/** Gateways first: a start that only one of them has means it, whatever targets are called. */
function find(smap: Smap, text: string): Member {
  try {
    return resolveNode(smap, text, 'proxy')
  } catch (error) {
    if (error instanceof AisError && error.code === 'NODE_NOT_FOUND') return resolveNode(smap, text)
    throw error
  }
}

function whyNot(member: Member): string {
  if (member.role === 'target') return 'is a target: only a gateway can be primary'
  if ((member.flags & NODE_FLAG.decommission) !== 0) return 'is being decommissioned'
  if (isLeaving(member)) return 'is in maintenance'
  if ((member.flags & NODE_FLAG.nonElectable) !== 0) return 'is non-electable: it never leads'
  if (member.learner) return 'has not been taken in yet: it has no vote'
  return `is ${member.away?.kind ?? 'away'}: it cannot take office`
}

interface Ordered {
  readonly tookMs: number
  /** Set when nobody knows whether it was done: the gateways will tell. */
  readonly doubt: AisError | undefined
}

async function order(client: ClusterClient, id: string): Promise<Ordered> {
  const beganMs = performance.now()
  try {
    await client.leadership.setPrimary(id)
    return {tookMs: performance.now() - beganMs, doubt: undefined}
  } catch (error) {
    if (!(error instanceof AisError) || error.code !== 'OUTCOME_UNKNOWN') throw error
    return {tookMs: performance.now() - beganMs, doubt: error}
  }
}

interface Waiting {
  readonly smap: Smap
  readonly heir: string
  /** Of the reign before; a later one of somebody else settles every doubt. */
  readonly epoch: number
  /** Gateways that answered before: these have to follow. */
  readonly present: readonly Member[]
  readonly beganMs: number
  readonly doubt: AisError | undefined
}

async function evidence(
  client: ClusterClient,
  waiting: Waiting,
  {timeoutMs, onProgress}: FailbackOptions,
): Promise<readonly GatewayView[]> {
  const {heir, present, beganMs, doubt} = waiting
  for (;;) {
    const gateways = await lookAround(client, present)
    const late = gateways.filter(({names}) => names !== heir)
    if (late.length === 0 && gateways.length > 0) return gateways
    if (doubt !== undefined) await requireNoOther(client, waiting)
    if (performance.now() - beganMs > timeoutMs) {
      throw notFollowed(heir, late, {timeoutMs, doubt})
    }
    onProgress?.(`${present.length - late.length} of ${present.length} gateways follow`)
    await sleep(EVIDENCE_POLL_MS)
  }
}

/** @throws AisError when somebody else has taken office since: the heir has not */
async function requireNoOther(
  client: ClusterClient,
  {smap, heir, epoch, doubt}: Waiting,
): Promise<void> {
  const now = await findLeader(client, smap)
  if (now?.live !== true || now.primary === heir || now.epoch <= epoch) return
  throw new AisError(
    {
      code: 'REFUSED',
      message: `${nodeLabel('proxy', heir)} has not taken office; ${nodeLabel('proxy', now.primary)} leads, epoch ${now.epoch}`,
      hint: 'does it run, and can the others reach it? aisctl show cluster',
      details: {primary: now.primary, epoch: now.epoch},
    },
    doubt,
  )
}

function notFollowed(
  heir: string,
  late: readonly GatewayView[],
  {timeoutMs, doubt}: {readonly timeoutMs: number; readonly doubt: AisError | undefined},
): AisError {
  const said = late.map(({id, names}) => {
    const view = names === null ? 'does not answer' : `names ${nodeLabel('proxy', names)}`
    return `${nodeLabel('proxy', id)} ${view}`
  })
  const first = doubt === undefined ? '' : `${doubt.message}; `
  return new AisError(
    {
      code: doubt?.code ?? 'TIMED_OUT',
      message: `${first}${nodeLabel('proxy', heir)} is not followed by every gateway after ${formatDuration(timeoutMs)}: ${said.join('; ')}`,
      hint: 'see who leads: aisctl show elections · repeating the command is safe',
      details: {primary: heir, late},
    },
    doubt,
  )
}

function gatewaysOf(smap: Smap): readonly Member[] {
  return Object.values(smap.nodes)
    .filter(({role}) => role === 'proxy')
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
}

/** Asks these gateways, all at once, whom they follow. */
function lookAround(
  client: ClusterClient,
  gateways: readonly Member[],
): Promise<readonly GatewayView[]> {
  return Promise.all(gateways.map((gateway) => view(client, gateway)))
}

async function view(client: ClusterClient, gateway: Member): Promise<GatewayView> {
  try {
    return {id: gateway.id, names: await client.leadership.primaryAt(endpointUrl(gateway.public))}
  } catch (error) {
    if (!(error instanceof AisError) || error.code === 'INTERRUPTED') throw error
    return {id: gateway.id, names: null}
  }
}
