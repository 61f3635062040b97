/**
 * Is a history of one key that of a register? Exact: all orders that explain it are kept, and an
 * operation is placed only when its end asks for it. A write that nobody knows the outcome of may
 * take effect at any time after its beginning, or never (protocol D1–D5).
 */

import {NOTHING, describeOperation, type Operation} from './history.ts'

export interface Finding {
  readonly invariant: 'D1' | 'D2' | 'D3' | 'D4' | 'D5'
  readonly detail: string
}

/**
 * One explanation so far, as one number: what the key holds in the low bits, above them a bit for
 * each open operation that has taken effect.
 */
type Explanation = bigint

/** An operation that has begun and not ended, with the bit that stands for it. */
interface Open {
  readonly operation: Operation
  readonly slot: number
  readonly bit: bigint
  /** What the key holds once it has taken effect. */
  readonly value: number
}

/** Bits of an explanation that are the value. */
const VALUE_BITS = 24
const VALUE_MASK = (1n << BigInt(VALUE_BITS)) - 1n
/** Explanations kept; a history that needs more is not judged. */
const EXPLANATIONS_MAX = 20_000
/** Operations of the report. */
const SHOWN = 14

/** @returns the first thing that no order explains; null when there is none */
export function checkRegister(key: string, operations: readonly Operation[]): Finding | null {
  const phantom = findPhantom(key, operations)
  if (phantom !== null) return phantom
  const relevant = relevantOperations(operations)
  const events = relevant
    .flatMap((operation) => [
      {at: operation.began, operation, ends: false},
      {at: operation.ended, operation, ends: true},
    ])
    .filter(({at}) => at !== Infinity)
    .sort((a, b) => a.at - b.at)
  const open: Open[] = []
  let explanations: readonly Explanation[] = [BigInt(NOTHING)]
  for (const {operation, ends} of events) {
    if (!ends) {
      open.push(opened(operation, open))
      continue
    }
    const at = open.findIndex((one) => one.operation === operation)
    explanations = placeBy(open[at] as Open, open, explanations)
    open.splice(at, 1)
    if (explanations.length === 0) return findingOf(key, operation, operations)
    if (explanations.length > EXPLANATIONS_MAX) return null
  }
  return null
}

/** Takes the lowest bit that is free: few are in use at a time. */
function opened(operation: Operation, open: readonly Open[]): Open {
  let slot = 0
  while (open.some((one) => one.slot === slot)) slot++
  const {kind, value} = operation
  const bit = 1n << BigInt(VALUE_BITS + slot)
  return {operation, slot, bit, value: kind === 'delete' ? NOTHING : value}
}

/** D5: only what was written is read, and what was refused was not written. */
function findPhantom(key: string, operations: readonly Operation[]): Finding | null {
  const puts = new Map(operations.filter(isPut).map((put) => [put.value, put]))
  for (const read of operations) {
    if (read.kind !== 'read' || read.outcome !== 'done' || read.value === NOTHING) continue
    const put = puts.get(read.value)
    if (put !== undefined && put.began < read.ended && put.outcome !== 'refused') continue
    const why = put === undefined ? 'nobody wrote it' : `its put was ${put.outcome}`
    return {invariant: 'D5', detail: `${key}: ${describeOperation(read)}, but ${why}`}
  }
  return null
}

function isPut(operation: Operation): boolean {
  return operation.kind === 'put'
}

/** Without what certainly had no effect, and what nobody saw the effect of. */
function relevantOperations(operations: readonly Operation[]): readonly Operation[] {
  const read = new Set(
    operations.flatMap(({kind, outcome, value}) =>
      kind === 'read' && outcome === 'done' ? [value] : [],
    ),
  )
  return operations.filter(({kind, outcome, value}) => {
    if (kind === 'patch') return false
    if (outcome === 'done') return true
    if (kind === 'read' || outcome === 'refused') return false
    return kind === 'delete' || read.has(value)
  })
}

/** Explanations in which an operation that ends now has taken effect. */
function placeBy(
  ending: Open,
  open: readonly Open[],
  explanations: readonly Explanation[],
): readonly Explanation[] {
  const reads = readsByValue(open)
  const withReads = (explanation: Explanation): Explanation =>
    explanation | (reads.get(Number(explanation & VALUE_MASK)) ?? 0n)
  const writes = open.filter(({operation}) => operation.kind !== 'read')
  const found = new Set<Explanation>()
  const seen = new Set<Explanation>()
  const work = explanations.map(withReads)
  for (let next = work.pop(); next !== undefined; next = work.pop()) {
    if (seen.has(next)) continue
    seen.add(next)
    if ((next & ending.bit) !== 0n) {
      found.add(next ^ ending.bit)
      if (found.size > EXPLANATIONS_MAX) break
      continue
    }
    for (const {bit, value} of candidates(next, writes)) {
      work.push(withReads(((next | VALUE_MASK) ^ VALUE_MASK) | bit | BigInt(value)))
    }
  }
  return [...found]
}

/** Reads that the value answers take effect at once: that never spoils an explanation. */
function readsByValue(open: readonly Open[]): ReadonlyMap<number, bigint> {
  const bits = new Map<number, bigint>()
  for (const {operation, bit, value} of open) {
    if (operation.kind === 'read') bits.set(value, (bits.get(value) ?? 0n) | bit)
  }
  return bits
}

/** Writes that may take effect next; of deletes without an end, which are all alike, the first. */
function candidates(explanation: Explanation, writes: readonly Open[]): readonly Open[] {
  const list: Open[] = []
  const holds = (explanation & VALUE_MASK) !== BigInt(NOTHING)
  let hasEndless = false
  for (const one of writes) {
    const {kind, ended, sawNothing} = one.operation
    if ((explanation & one.bit) !== 0n || (sawNothing && holds)) continue
    const endless = kind === 'delete' && ended === Infinity
    if (endless && hasEndless) continue
    hasEndless ||= endless
    list.push(one)
  }
  return list
}

function findingOf(key: string, at: Operation, operations: readonly Operation[]): Finding {
  const before = operations.filter(({began}) => began < at.ended)
  const shown = before.slice(-SHOWN).map(describeOperation).join('\n  ')
  const detail = `${key}: no order explains ${describeOperation(at)}\n  ${shown}`
  return {invariant: invariantOf(at, before), detail}
}

/** Which promise was broken, by what the last acknowledged write was. */
function invariantOf(at: Operation, before: readonly Operation[]): Finding['invariant'] {
  if (at.kind !== 'read') return 'D2'
  const writes = before.filter(({kind, ended}) => kind !== 'read' && ended < at.began)
  const last = writes.reduce<Operation | null>(
    (found, one) => (found === null || one.ended > found.ended ? one : found),
    null,
  )
  if (last === null) return 'D2'
  if (last.kind === 'delete') return 'D3'
  return at.value === NOTHING ? 'D1' : 'D4'
}
