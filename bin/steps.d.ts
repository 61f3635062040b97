/** Types of steps.js, for the tests that use it. */

export interface Ended {
  readonly status: number
  readonly lines: readonly string[]
}

export interface RunOptions {
  readonly onLine?: (line: string) => void
  readonly env?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
}

export function run(command: string, args: readonly string[], options?: RunOptions): Promise<Ended>
export function staleModules(): string | null
export function labPackages(): readonly string[]
