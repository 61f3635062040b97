/** The footer that precedes the content in a streamed frame; what follows stays in the stream. */

import type {Readable} from 'node:stream'
import {AisError} from '../../base/errors.ts'
import type {Footer, HashBytes} from '../../wire/footer.ts'
import {FOOTER_BYTES_MAX} from '../../wire/footer-shape.ts'
import {FRAME_LENGTH_BYTES, decodeFrameFooter, frameFooterBytes} from '../../wire/move.ts'

/** @throws AisError BAD_REQUEST, INCOMPATIBLE */
export async function readFrameHead(source: Readable, hash: HashBytes): Promise<Footer> {
  const length = frameFooterBytes(await readExactly(source, FRAME_LENGTH_BYTES))
  if (length > FOOTER_BYTES_MAX) {
    const message = `a frame's footer cannot have ${length} bytes`
    throw new AisError({code: 'BAD_REQUEST', message})
  }
  return decodeFrameFooter(await readExactly(source, length), hash)
}

/** Takes that many bytes from a stream's start, and leaves it paused. */
function readExactly(source: Readable, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let have = 0
    const leave = (): void => {
      source.off('readable', take)
      source.off('end', gone)
      source.off('close', gone)
      source.off('error', gone)
    }
    const gone = (): void => {
      leave()
      reject(new AisError({code: 'BAD_REQUEST', message: 'a frame ended in its head'}))
    }
    const take = (): void => {
      while (have < length) {
        const chunk = source.read() as Buffer | null
        if (chunk === null) return
        chunks.push(chunk)
        have += chunk.byteLength
      }
      leave()
      const all = Buffer.concat(chunks, have)
      if (have > length) source.unshift(all.subarray(length))
      resolve(all.subarray(0, length))
    }
    source.on('readable', take)
    source.once('end', gone)
    source.once('close', gone)
    source.once('error', gone)
    take()
  })
}
