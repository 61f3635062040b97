/**
 * The end of a process of which a thread hangs in a disk. An orderly end would wait for that
 * thread, and the kernel keeps its files open until the disk lets go: so the sockets are closed by
 * number first, others hear at once that this node is gone, and its ports are free for the next
 * process.
 */

import {closeSync, readdirSync, readlinkSync} from 'node:fs'

const OWN_FILES = '/proc/self/fd'

/** Does not return. */
export function abandonProcess(): never {
  for (const name of readdirSync(OWN_FILES)) {
    if (isSocket(name)) closeSync(Number(name))
  }
  process.kill(process.pid, 'SIGKILL')
  // The signal is on its way.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

function isSocket(name: string): boolean {
  try {
    return readlinkSync(`${OWN_FILES}/${name}`).startsWith('socket:')
  } catch (error) {
    // The list itself was one of them.
    if (error instanceof Error && 'code' in error) return false
    throw error
  }
}
