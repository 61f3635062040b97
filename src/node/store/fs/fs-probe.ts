/**
 * One look at whether a filesystem still works: a small file is written, flushed, read back and
 * removed, all in libuv's pool, so that a disk which hangs holds nobody up but the probe. Says what
 * failed; what follows from it is decided elsewhere.
 */

import fs from 'node:fs'

const PROBE_BYTES = 4096
const FLAGS = fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_TRUNC
const FILE_MODE = 0o640

type ProbeDone = (error: Error | null) => void

/** @param path of a file of the probe's own @param done called once; never when the disk hangs */
export function probeFile(path: string, done: ProbeDone): void {
  const bytes = Buffer.alloc(PROBE_BYTES, Date.now() % 251)
  fs.open(path, FLAGS, FILE_MODE, (openError, fd) => {
    if (openError !== null) return done(openError)
    const end: ProbeDone = (error) => {
      fs.close(fd, (closeError) => {
        fs.unlink(path, (unlinkError) => done(error ?? closeError ?? unlinkError))
      })
    }
    fs.write(fd, bytes, 0, PROBE_BYTES, 0, (writeError) => {
      if (writeError !== null) return end(writeError)
      fs.fsync(fd, (syncError) => {
        if (syncError !== null) return end(syncError)
        readBack(fd, bytes, end)
      })
    })
  })
}

function readBack(fd: number, written: Buffer, end: ProbeDone): void {
  const found = Buffer.alloc(PROBE_BYTES)
  fs.read(fd, found, 0, PROBE_BYTES, 0, (error, count) => {
    if (error !== null) return end(error)
    const same = count === PROBE_BYTES && found.equals(written)
    end(same ? null : new Error('what was written is not what is read back'))
  })
}

const MINOR_LOW_BITS = 8n

/**
 * How many requests a block device has completed since the host started; null where the host does
 * not say (network and memory filesystems). @param dev device number as `stat` gives it
 */
export function completedRequests(dev: number): number | null {
  const number = BigInt(dev)
  const major = (number >> MINOR_LOW_BITS) & 0xfffn
  const minor = (number & 0xffn) | ((number >> 12n) & 0xfff00n)
  return completedBy(`${major}:${minor}`)
}

/** The same by the numbers of the device, as the kernel's tables write them: `8:1`. */
export function completedBy(device: string): number | null {
  try {
    const text = fs.readFileSync(`/sys/dev/block/${device}/stat`, 'utf8')
    const [reads = 0, , , , writes = 0] = text.trim().split(/\s+/).map(Number)
    return reads + writes
  } catch (error) {
    if (error instanceof Error && 'code' in error) return null
    throw error
  }
}
