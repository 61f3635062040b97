/**
 * A machine that can be told to run things: over SSH (ssh-host.ts) or the one we are on
 * (local-host.ts). The port is small on purpose: one connection per host and run, one exec per
 * phase, bytes on that exec's standard input.
 */

import type {Readable} from 'node:stream'

export interface HostRun {
  /** argv; quoted by the adapter, never interpolated into a shell line by callers. */
  readonly argv: readonly string[]
  /** Bytes for its standard input. Absent: none. */
  readonly input?: Readable | Uint8Array | string
  /** Run as root (through sudo when the login is not root). Default true. */
  readonly asRoot?: boolean
  readonly timeoutMs?: number
  /** Called for each line of its output as it comes, escapes already stripped. */
  onLine?(line: string, stream: 'stdout' | 'stderr'): void
}

export interface HostResult {
  readonly status: number
  /** At most OUTPUT_BYTES_MAX; escapes stripped; invalid UTF-8 replaced. */
  readonly stdout: string
  readonly stderr: string
}

/** Output kept of one command: a hostile or broken host must not fill the operator's memory. */
export const OUTPUT_BYTES_MAX = 1024 * 1024

export interface Host {
  readonly name: string
  readonly address: string
  /** The run that what is done there belongs to (ops/run/DESIGN.md); absent: none. */
  readonly runId?: string | undefined
  /** Put before every path there; absent but in tests, where a directory stands for a host. */
  readonly root?: string
  /** Resolves with the status, whatever it is; rejects only when the host cannot be reached. */
  run(command: HostRun): Promise<HostResult>
  close(): Promise<void>
}
