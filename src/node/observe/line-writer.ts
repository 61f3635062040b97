/**
 * Lines to a file descriptor without ever waiting for who reads it: a journal that is stuck behind
 * a full disk must not stop the thread that answers beats. What it does not take is kept up to a
 * bound, then dropped and counted.
 */

import {write as writeTo, writeSync} from 'node:fs'

/** Kept for a reader that is slow: some thousand lines. */
const WAITING_BYTES_MAX = 1024 * 1024
/** What a pipe takes whole, so that lines of several threads do not mix. */
const BATCH_BYTES = 4096
/** A descriptor that is full and does not block is tried again after this. */
const FULL_MS = 20
/** A write that takes longer than this is stuck; at the end nobody waits for what is behind it. */
const STUCK_MS = 200

export interface LineWriter {
  /** @param line with its newline */
  readonly write: (line: string) => void
  /** Writes what waits, unless nobody takes it. For the end of the process. */
  readonly flush: () => void
}

/** @param dropped says how many lines nobody will see, once there is room again */
export function createLineWriter(fd: number, dropped: (count: number) => string): LineWriter {
  const waiting: Buffer[] = []
  let waitingBytes = 0
  let lost = 0
  let writing = false
  let stuck = false

  function write(line: string): void {
    const bytes = Buffer.from(line, 'utf8')
    if (waitingBytes + bytes.byteLength > WAITING_BYTES_MAX) {
      lost += 1
      return
    }
    keep(bytes)
    if (!writing) next()
  }

  function keep(bytes: Buffer): void {
    waiting.push(bytes)
    waitingBytes += bytes.byteLength
  }

  function take(bytesMax: number): Buffer {
    const batch = [waiting.shift() ?? Buffer.alloc(0)]
    let length = batch[0]?.byteLength ?? 0
    for (let line = waiting[0]; line !== undefined; line = waiting[0]) {
      length += line.byteLength
      if (length > bytesMax) break
      batch.push(line)
      waiting.shift()
    }
    const bytes = Buffer.concat(batch)
    waitingBytes -= bytes.byteLength
    return bytes
  }

  /** @param failed the write before: what is lost is then said with the next line, if ever */
  function next(failed = false): void {
    if (lost > 0 && !failed && waitingBytes < WAITING_BYTES_MAX / 2) {
      keep(Buffer.from(dropped(lost), 'utf8'))
      lost = 0
    }
    writing = waiting.length > 0
    if (writing) send(take(BATCH_BYTES))
  }

  function send(bytes: Buffer): void {
    // By a timer: a thread that was busy itself has not waited for the reader.
    const timer = setTimeout(() => {
      stuck = true
    }, STUCK_MS).unref()
    writeTo(fd, bytes, 0, bytes.byteLength, null, (error, written) => {
      clearTimeout(timer)
      stuck = false
      if (error?.code === 'EAGAIN') return void setTimeout(() => send(bytes), FULL_MS)
      if (error !== null) {
        lost += 1
        return next(true)
      }
      const left = bytes.subarray(written)
      return left.byteLength > 0 ? send(left) : next()
    })
  }

  function flush(): void {
    if (stuck || waiting.length === 0) return
    try {
      writeSync(fd, take(WAITING_BYTES_MAX))
    } catch {
      lost += 1
    }
  }

  return {write, flush}
}
