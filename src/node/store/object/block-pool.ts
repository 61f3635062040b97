/**
 * Buffers of one block (1 MiB) that are used again: the memory of reads and writes in progress,
 * outside the garbage collector. Keeps a bounded number; what comes back beyond it is dropped.
 */

import {CHECKSUM_BLOCK_BYTES} from '../../../model/limits.ts'

/** Blocks kept for the next user: what 16 transfers with two blocks each need. */
const KEPT_MAX = 32

export interface BlockPool {
  readonly take: () => Buffer
  /** The caller must not touch it afterwards. */
  readonly give: (block: Buffer) => void
}

export function createBlockPool(): BlockPool {
  const kept: Buffer[] = []
  return {
    take: () => kept.pop() ?? Buffer.allocUnsafeSlow(CHECKSUM_BLOCK_BYTES),
    give: (block) => {
      if (kept.length < KEPT_MAX) kept.push(block)
    },
  }
}
