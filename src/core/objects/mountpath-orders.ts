/**
 * What becomes of an order about one mountpath of a running target: attach, detach, enable,
 * disable. What is there is moved away before a mountpath goes, unless the order says otherwise,
 * and nothing is given up by accident: only a mountpath that serves no more can be detached with
 * what it holds. Decides; opens, moves and closes nothing.
 */

import type {Refusal} from '../../base/errors.ts'
import {refusal} from '../../base/errors.ts'

export type MountpathAction = 'attach' | 'detach' | 'enable' | 'disable'

export interface MountpathOrder {
  readonly action: MountpathAction
  readonly path: string
  /** Of attach: the operator's word for the kind of disk; '' without. */
  readonly label: string
  /** Whether objects are to move to where they belong then; false: they stay where they are. */
  readonly resilver: boolean
}

/** A configured mountpath, as far as orders are concerned. */
export interface KnownMountpath {
  readonly path: string
  /** `leaving`: being emptied. `disabled`: not open, whatever the reason. */
  readonly state: 'available' | 'leaving' | 'disabled'
  /** Versions may lie here that are nowhere else. */
  readonly mayHold: boolean
  /** Of what lies here; 0 where it cannot be told. */
  readonly usedBytes: number
  /** What may still be written here. */
  readonly availableBytes: number
}

/** What an order comes to. */
export type OrderVerdict =
  | {readonly type: 'refused'; readonly refusal: Refusal}
  /** It is so already. */
  | {readonly type: 'nothing'}
  /** It is to be opened, and takes its share. */
  | {readonly type: 'open'}
  /** It was being emptied, and takes its share again. */
  | {readonly type: 'stay'}
  /** What lies there moves to the others; then it is disabled or detached. */
  | {readonly type: 'empty'; readonly goal: 'disable' | 'detach'}
  | {readonly type: 'disable'}
  /** `givesUp`: what lies there is lost to the cluster, and nobody waits for it any more. */
  | {readonly type: 'detach'; readonly givesUp: boolean}

/** Longest path of a mountpath, bytes; as in AIStore. */
export const MOUNTPATH_BYTES_MAX = 255

/** @param known all configured mountpaths of this target */
export function judgeOrder(order: MountpathOrder, known: readonly KnownMountpath[]): OrderVerdict {
  const own = known.find(({path}) => path === order.path)
  const others = known.filter(({path}) => path !== order.path)
  if (order.action === 'attach') return judgeAttach(order, own, others)
  if (own === undefined) return {type: 'refused', refusal: notFound(order.path)}
  switch (order.action) {
    case 'enable':
      return own.state === 'available'
        ? {type: 'nothing'}
        : {type: own.state === 'leaving' ? 'stay' : 'open'}
    case 'disable':
      return judgeDisable(order, own, others)
    case 'detach':
      return judgeDetach(order, own, others)
  }
}

function judgeAttach(
  {path}: MountpathOrder,
  own: KnownMountpath | undefined,
  others: readonly KnownMountpath[],
): OrderVerdict {
  const problem = pathProblem(path)
  if (problem !== null)
    return refused('BAD_REQUEST', `mountpath ${JSON.stringify(path)}: ${problem}`)
  if (own?.state === 'available') return {type: 'nothing'}
  if (own?.state === 'leaving') return {type: 'stay'}
  if (own !== undefined) {
    const hint = `aisctl storage mountpath enable NODE=${path}`
    return refused('REFUSED', `mountpath ${path} is attached already, and disabled`, hint)
  }
  const nested = others.find((other) => isBelow(path, other.path) || isBelow(other.path, path))
  if (nested === undefined) return {type: 'open'}
  return refused('BAD_REQUEST', `mountpaths cannot be nested: ${path} and ${nested.path}`)
}

function judgeDisable(
  {path, resilver}: MountpathOrder,
  own: KnownMountpath,
  others: readonly KnownMountpath[],
): OrderVerdict {
  if (own.state === 'disabled') return {type: 'nothing'}
  // Without another there is nowhere to move to: what it holds waits for it to be enabled.
  if (!resilver || !own.mayHold || takers(others).length === 0) return {type: 'disable'}
  const short = shortOfSpace(own, others)
  if (short === null) return {type: 'empty', goal: 'disable'}
  return refused('NO_SPACE', short, `aisctl storage mountpath disable NODE=${path} --no-resilver`)
}

function judgeDetach(
  {path, resilver}: MountpathOrder,
  own: KnownMountpath,
  others: readonly KnownMountpath[],
): OrderVerdict {
  if (others.length === 0) {
    const hint = 'aisctl node decommission NODE takes the whole target out'
    return refused('REFUSED', `${path} is the only mountpath of this target`, hint)
  }
  if (!own.mayHold) return {type: 'detach', givesUp: false}
  if (own.state === 'disabled') {
    if (!resilver) return {type: 'detach', givesUp: true}
    const hint = `enable it first, or give up what it holds: --no-resilver`
    const message = `${path} is disabled: what it holds cannot be moved away`
    return refused('REFUSED', message, hint)
  }
  if (!resilver) {
    const hint = 'detach it without --no-resilver; to give up what it holds, disable it first'
    return refused('REFUSED', `${path} serves objects that are nowhere else`, hint)
  }
  if (takers(others).length === 0) {
    const message = `${path} holds objects, and no other mountpath takes them`
    return refused('REFUSED', message, 'enable or attach another first')
  }
  const short = shortOfSpace(own, others)
  if (short === null) return {type: 'empty', goal: 'detach'}
  return refused('NO_SPACE', short, 'attach another first, or remove objects')
}

function takers(others: readonly KnownMountpath[]): readonly KnownMountpath[] {
  return others.filter(({state}) => state === 'available')
}

/** Why the others cannot hold what lies on a mountpath; null when they can. */
function shortOfSpace(own: KnownMountpath, others: readonly KnownMountpath[]): string | null {
  const takes = takers(others)
  const share = Math.ceil(own.usedBytes / takes.length)
  const short = takes.find(({availableBytes}) => availableBytes < share)
  if (short === undefined) return null
  const {path, availableBytes} = short
  return `${own.path} holds ${own.usedBytes} bytes; ${path} would get ${share} and has room for ${availableBytes}`
}

/** Why a text is no path of a mountpath; null when it is. */
function pathProblem(path: string): string | null {
  if (!path.startsWith('/')) return 'it is no absolute path'
  if (path === '/') return 'the root directory cannot be a mountpath'
  if (/\/$|\/\/|\/\.{1,2}(?:\/|$)|[\u0000-\u001f\u007f]/.test(path)) return 'it is no clean path'
  const bytes = new TextEncoder().encode(path).byteLength
  return bytes <= MOUNTPATH_BYTES_MAX ? null : `it is longer than ${MOUNTPATH_BYTES_MAX} bytes`
}

function isBelow(path: string, above: string): boolean {
  return path.startsWith(`${above}/`)
}

function notFound(path: string): Refusal {
  return refusal('MOUNTPATH_NOT_FOUND', `mountpath ${JSON.stringify(path)} does not exist`)
}

function refused(code: Refusal['code'], message: string, hint?: string): OrderVerdict {
  return {type: 'refused', refusal: refusal(code, message, hint === undefined ? {} : {hint})}
}
