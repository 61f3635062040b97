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

/** One explanation so far: what the key holds, and which open operations have taken effect. */
interface Explanation {
  readonly value: number
  readonly placed: ReadonlySet<Operation>
}

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
  const open = new Set<Operation>()
  let explanations: readonly Explanation[] = [{value: NOTHING, placed: new Set()}]
  for (const {operation, ends} of events) {
    if (!ends) {
      open.add(operation)
      continue
    }
    explanations = placeBy(operation, open, explanations)
    open.delete(operation)
    if (explanations.length === 0) return findingOf(key, operation, operations)
    if (explanations.length > EXPLANATIONS_MAX) return null
  }
  return null
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
  ending: Operation,
  open: ReadonlySet<Operation>,
  explanations: readonly Explanation[],
): readonly Explanation[] {
  const ids = new Map([...open].map((operation, at) => [operation, at]))
  const found = new Map<string, Explanation>()
  const seen = new Set<string>()
  const work = explanations.map((explanation) => withReads(explanation, open))
  for (let next = work.pop(); next !== undefined; next = work.pop()) {
    const name = nameOf(next, ids)
    if (seen.has(name)) continue
    seen.add(name)
    if (next.placed.has(ending)) {
      const placed = new Set(next.placed)
      placed.delete(ending)
      const done = {value: next.value, placed}
      found.set(nameOf(done, ids), done)
      if (found.size > EXPLANATIONS_MAX) break
      continue
    }
    for (const operation of candidates(next, open)) {
      const value = operation.kind === 'put' ? operation.value : NOTHING
      const placed = new Set(next.placed).add(operation)
      work.push(withReads({value, placed}, open))
    }
  }
  return [...found.values()]
}

/** Reads that the value answers take effect at once: that never spoils an explanation. */
function withReads(explanation: Explanation, open: ReadonlySet<Operation>): Explanation {
  let placed: Set<Operation> | null = null
  for (const operation of open) {
    if (operation.kind !== 'read' || operation.value !== explanation.value) continue
    if (explanation.placed.has(operation)) continue
    placed ??= new Set(explanation.placed)
    placed.add(operation)
  }
  return placed === null ? explanation : {value: explanation.value, placed}
}

/** Writes that may take effect next; of deletes without an end, which are all alike, the first. */
function candidates(explanation: Explanation, open: ReadonlySet<Operation>): readonly Operation[] {
  const list: Operation[] = []
  let hasEndless = false
  for (const operation of open) {
    if (operation.kind === 'read' || explanation.placed.has(operation)) continue
    if (operation.sawNothing && explanation.value !== NOTHING) continue
    const endless = operation.kind === 'delete' && operation.ended === Infinity
    if (endless && hasEndless) continue
    hasEndless ||= endless
    list.push(operation)
  }
  return list
}

function nameOf(explanation: Explanation, ids: ReadonlyMap<Operation, number>): string {
  const placed = [...explanation.placed].map((operation) => ids.get(operation) ?? -1)
  return `${explanation.value}:${placed.sort((a, b) => a - b).join(',')}`
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
