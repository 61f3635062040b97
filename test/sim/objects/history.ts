/** What clients of one key did and heard, in the order in which it happened. */

/** The value of a key that holds nothing. */
export const NOTHING = 0

export interface Operation {
  /** A patch changes what goes with the value, never the value. */
  readonly kind: 'put' | 'delete' | 'read' | 'patch'
  readonly client: number
  readonly atMs: number
  /** Place of its beginning among all beginnings and ends of the world. */
  readonly began: number
  /** Place of its end; Infinity while nobody knows what came of it. */
  ended: number
  /** What a put writes or a read returned; NOTHING for a delete and a 404. */
  value: number
  /**
   * `unknown`: it may take effect at any time, or never. `refused`: it must not. A delete that `saw
   * nothing` was told that there was nothing to delete.
   */
  outcome: 'open' | 'done' | 'unknown' | 'refused'
  sawNothing: boolean
  /** Who answered, for people. */
  by: string
}

export interface History {
  readonly key: string
  readonly operations: readonly Operation[]
  readonly begin: (operation: Pick<Operation, 'kind' | 'client' | 'atMs' | 'value'>) => Operation
  readonly end: (
    operation: Operation,
    heard: Partial<Pick<Operation, 'value' | 'sawNothing' | 'by'>> & {
      readonly outcome: Operation['outcome']
    },
  ) => void
}

/** @param next gives the places of beginnings and ends, shared by all keys of a world */
export function createHistory(key: string, next: () => number): History {
  const operations: Operation[] = []
  return {
    key,
    operations,
    begin: (operation) => {
      const full: Operation = {
        ...operation,
        began: next(),
        ended: Infinity,
        outcome: 'open',
        sawNothing: false,
        by: '',
      }
      operations.push(full)
      return full
    },
    end: (operation, heard) => {
      Object.assign(operation, heard)
      if (heard.outcome === 'done') operation.ended = next()
    },
  }
}

/** One line per operation, for a report. */
export function describeOperation(operation: Operation): string {
  const {kind, value, outcome, client, began, ended, atMs, by, sawNothing} = operation
  const what =
    kind === 'delete' || kind === 'patch'
      ? kind
      : `${kind} ${value === NOTHING ? 'nothing' : value}`
  const saw = sawNothing ? ' (saw nothing)' : ''
  const span = `${began}-${ended === Infinity ? '?' : ended}`
  return `c${client} ${what}${saw} ${outcome} [${span}] at ${atMs.toFixed(0)} ms ${by}`
}
