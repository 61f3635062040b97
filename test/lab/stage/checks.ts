/** What a scenario found: things that hold or not, and figures. */

export interface Check {
  readonly ok: boolean
  readonly what: string
  /** Only where it does not hold. */
  readonly detail: string
}

export interface Outcome {
  readonly checks: readonly Check[]
  readonly measured: Readonly<Record<string, number>>
}

/** Long lists are cut in reports. */
const DETAIL_LENGTH_MAX = 600

export class Checks {
  readonly checks: Check[] = []
  readonly measured: Record<string, number> = {}

  expect(ok: boolean, what: string, detail: unknown = ''): boolean {
    const text = typeof detail === 'string' ? detail : JSON.stringify(detail)
    this.checks.push({ok, what, detail: ok ? '' : text.slice(0, DETAIL_LENGTH_MAX)})
    return ok
  }

  /** Notes a figure; of several of one name the largest counts. */
  measure(name: string, value: number): void {
    this.measured[name] = Math.max(Math.round(value), this.measured[name] ?? 0)
  }

  outcome(): Outcome {
    return {checks: this.checks, measured: this.measured}
  }
}
