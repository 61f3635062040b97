/**
 * What goes on already, and what it refuses: at most one operation, and none beside a rebalance
 * (R28). A repetition is no second one, and a return may interrupt. Every refusal names what runs.
 */

import {refusal, type Refusal} from '../../base/errors.ts'
import type {LifecycleCommand, StopCommand} from '../../model/command.ts'
import type {NodeId} from '../../model/ids.ts'
import {isLeaving} from '../../model/node.ts'
import type {ClusterRecord, Operation, Smap} from '../../model/record.ts'

/** Why a command has to wait; undefined: it may be weighed. */
export function whyBusy(
  record: Pick<ClusterRecord, 'smap' | 'op' | 'move' | 'rmd'>,
  command: LifecycleCommand,
): Refusal | undefined {
  const {op, move, rmd, smap} = record
  const {action, nodes} = command
  if (op !== null) return whyBeside(op, command, smap)
  const serves = action === 'stop-maintenance' && nodes.every((id) => !isOut(smap, id))
  if (move === null || serves) return undefined
  const id = `g${rmd.version}`
  return refusal(
    'BUSY',
    `cluster membership "${action}" is currently busy (rebalance[${id}] is running), ` +
      'please try again',
    {hint: `wait for it: aisctl rebalance wait ${id}`, details: {rebalance: id}},
  )
}

/** Beside an operation: only its very repetition, and the return that interrupts it. */
function whyBeside(op: Operation, command: LifecycleCommand, smap: Smap): Refusal | undefined {
  const {action, nodes} = command
  if (action === 'stop-maintenance') {
    const others = nodes.filter((id) => !op.nodes.includes(id))
    const all = op.nodes.every((id) => nodes.includes(id))
    if (!all || others.some((id) => !isOut(smap, id))) return busyWith(op, action)
    return op.action === 'decommission-node' && op.phase === 'finalizing' ? tooLate(op) : undefined
  }
  const repeated = action === op.action && nodes.every((id) => op.nodes.includes(id))
  if (!repeated) return busyWith(op, action)
  const asBefore =
    op.rmUserData === command.rmUserData &&
    op.keepInitialConfig === command.keepInitialConfig &&
    op.noShutdown === command.noShutdown &&
    !(command.skipRebalance && op.phase === 'moving')
  return asBefore ? undefined : busyWith(op, `${action} with other options`)
}

function busyWith(op: Operation, action: string): Refusal {
  const ids = op.nodes.join(' ')
  const hint =
    op.phase === 'moving'
      ? `wait for it: aisctl rebalance wait · take it back: aisctl node maintenance stop ${ids}`
      : `it waits for ${ids} to leave; one that is off: aisctl node start ${ids} · lost for good: aisctl advanced remove-from-smap ${ids}`
  return refusal(
    'BUSY',
    `cluster membership "${action}" is currently busy (${op.id}: ${op.action} of ` +
      `${op.nodes.join(', ')} is ${op.phase}), please try again`,
    {
      hint,
      details: {op: op.id, action: op.action, nodes: op.nodes, phase: op.phase},
    },
  )
}

function tooLate(op: Operation): Refusal {
  return refusal(
    'WRONG_STATE',
    `${op.nodes.join(', ')} has moved its data and is leaving the cluster (${op.id}): ` +
      'too late to take it back',
    {hint: 'it can join again as a new node: aisctl cluster join URL', details: {op: op.id}},
  )
}

function isOut(smap: Smap, id: NodeId): boolean {
  const member = smap.nodes[id]
  return member !== undefined && isLeaving(member)
}

/**
 * A rebalance that an operator stops: it, or the one that runs. With an operation behind it only by
 * force: then the nodes stay out, and what they hold is remembered as not moved.
 */
export function stopMove<Parts extends Pick<ClusterRecord, 'op' | 'move' | 'rmd'>>(
  parts: Parts,
  {rebalance, force}: StopCommand,
): Parts | Refusal {
  const {op, move, rmd} = parts
  if (rebalance !== undefined && rebalance !== rmd.version) {
    if (rebalance < rmd.version) return parts
    return refusal('JOB_NOT_FOUND', `job "g${rebalance}" does not exist`)
  }
  if (op === null) return move === null ? parts : {...parts, move: null}
  if (force === true && op.phase === 'moving') return {...parts, op: null, move: null}
  const {message, details} = busyWith(op, 'stop')
  const back = `take it back: aisctl node maintenance stop ${op.nodes.join(' ')}`
  const hint = op.phase === 'moving' ? `${back} · leave it half-way: add --force` : back
  return refusal('BUSY', message, {hint, ...(details === undefined ? {} : {details})})
}

/** A rebalance by hand may begin. */
export function whyNoMove({
  op,
  move,
  rmd,
  own,
}: Pick<ClusterRecord, 'op' | 'move' | 'rmd' | 'own'>): Refusal | undefined {
  if (op !== null) return busyWith(op, 'start rebalance')
  if (move !== null) {
    const id = `g${rmd.version}`
    return refusal('BUSY', `rebalance[${id}] is running`, {
      hint: `wait for it: aisctl rebalance wait ${id}`,
      details: {rebalance: id},
    })
  }
  if ((own.at(-1)?.targets.length ?? 0) >= 2) return undefined
  return refusal('REFUSED', 'not enough targets: two have to be active')
}
