/**
 * What clients were promised. Every try of a write is noted with when it began and ended and how;
 * afterwards the ledger says which contents a key may have. A try without an answer may have
 * happened at any time since, or not at all.
 */

import {createHash, randomBytes} from 'node:crypto'

/** null: the key was deleted. */
export type Content = string | null

export interface Attempt {
  /** Who tried: a client, or a side of a partition. */
  readonly by: string
  readonly key: string
  /** SHA-256 of the body, or null for a delete. */
  readonly content: Content
  readonly startMs: number
  readonly endMs: number
  /** `refused`: it was said, or is certain, that nothing was done. */
  readonly outcome: 'acknowledged' | 'unknown' | 'refused'
}

/** A body that no other try has, and its hash. */
export function makeBody(bytes: number): {
  readonly body: Uint8Array<ArrayBuffer>
  readonly content: string
} {
  const body = Uint8Array.from(randomBytes(bytes))
  return {body, content: sha256(body)}
}

/** Hex, as the ledger notes it. */
export function sha256(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex')
}

export class Ledger {
  readonly #attempts = new Map<string, Attempt[]>()

  note(attempt: Attempt): void {
    const known = this.#attempts.get(attempt.key)
    if (known === undefined) this.#attempts.set(attempt.key, [attempt])
    else known.push(attempt)
  }

  get keys(): readonly string[] {
    return [...this.#attempts.keys()]
  }

  /** How many tries were acknowledged since then. */
  acknowledged(sinceMs = 0): number {
    return this.#all().filter(({outcome, endMs}) => outcome === 'acknowledged' && endMs >= sinceMs)
      .length
  }

  /** Whether some try that was acknowledged is so. */
  some(which: (attempt: Attempt) => boolean): boolean {
    return this.#all().some((one) => one.outcome === 'acknowledged' && which(one))
  }

  /** Whether anything about the key was ever acknowledged. */
  wasPromised(key: string): boolean {
    return (this.#attempts.get(key) ?? []).some(({outcome}) => outcome === 'acknowledged')
  }

  /** Whether the key may have this content now: nothing acknowledged began after that try ended. */
  allows(key: string, content: Content): boolean {
    const now = Number.POSITIVE_INFINITY
    return this.possible(key, now, now).includes(content)
  }

  /** Contents that a read between these moments may have shown; null: not found. */
  possible(key: string, sinceMs: number, untilMs: number): readonly Content[] {
    const attempts = (this.#attempts.get(key) ?? []).filter(
      ({outcome, startMs}) => outcome !== 'refused' && startMs <= untilMs,
    )
    const ended = ({outcome, endMs}: Attempt): number =>
      outcome === 'unknown' ? Number.POSITIVE_INFINITY : endMs
    const newest = Math.max(
      ...attempts
        .filter(({outcome, endMs}) => outcome === 'acknowledged' && endMs <= sinceMs)
        .map(({startMs}) => startMs),
    )
    const contents = attempts.filter((one) => ended(one) >= newest).map(({content}) => content)
    return newest === Number.NEGATIVE_INFINITY ? [...contents, null] : contents
  }

  /** Whether this content was acknowledged at some time. */
  everHad(key: string, content: Content): boolean {
    return (this.#attempts.get(key) ?? []).some(
      (one) => one.outcome === 'acknowledged' && one.content === content,
    )
  }

  /** Whether the key was ever acknowledged and is not surely deleted: it has to be listed. */
  mustExist(key: string): boolean {
    return this.wasPromised(key) && !this.allows(key, null)
  }

  /** Whether it was deleted for sure: it may not be listed. */
  mustBeGone(key: string): boolean {
    const contents = (this.#attempts.get(key) ?? []).map(({content}) => content)
    return !contents.some((content) => content !== null && this.allows(key, content))
  }

  /**
   * Keys that two of the named sides acknowledged in turns: one side after the other may have the
   * key, as its lease runs out, but never again the first one.
   */
  turnedBack(sinceMs: number, untilMs: number): readonly string[] {
    return this.keys.filter((key) => {
      const acknowledged = (this.#attempts.get(key) ?? [])
        .filter(({outcome, startMs, endMs}) => {
          return outcome === 'acknowledged' && startMs >= sinceMs && endMs <= untilMs
        })
        .toSorted((a, b) => a.startMs - b.startMs)
      const turns = acknowledged.filter(({by}, at) => by !== acknowledged[at - 1]?.by)
      return turns.length > 2
    })
  }

  /** Keys that more than one side got acknowledged, as a name that can be given only once. */
  takenTwice(): readonly string[] {
    return this.keys.filter((key) => {
      const all = this.#attempts.get(key) ?? []
      return all.filter(({outcome}) => outcome === 'acknowledged').length > 1
    })
  }

  /** How long the longest gap was between two acknowledgements of a client, within the span. */
  longestGapMs(by: string, sinceMs: number, untilMs: number): number {
    const times = this.#all()
      .filter((one) => one.by === by && one.outcome === 'acknowledged')
      .map(({endMs}) => endMs)
      .filter((at) => at >= sinceMs && at <= untilMs)
      .toSorted((a, b) => a - b)
    const stations = [sinceMs, ...times, untilMs]
    return Math.max(...stations.map((at, index) => at - (stations[index - 1] ?? at)))
  }

  #all(): Attempt[] {
    return [...this.#attempts.values()].flat()
  }
}
