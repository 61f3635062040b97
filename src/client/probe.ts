/**
 * One small GET with a short limit and no retries: health polls, completion, the list of clusters.
 * It uses node:http alone, because it runs where start-up time counts.
 */

import {get} from 'node:http'

/** What a probe may be answered with: a cluster map of 51 nodes is about 40 KB. */
const PROBE_BYTES_MAX = 1024 * 1024

export interface ProbeAnswer {
  readonly status: number
  readonly text: string
}

/** The answer, or undefined when there is none within the limit, whatever the reason. */
export function probe(url: string, timeoutMs: number): Promise<ProbeAnswer | undefined> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(timeoutMs)
    const request = get(url, {agent: false, signal, headers: {'user-agent': 'aisctl'}})
    request.once('error', () => resolve(undefined))
    request.once('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
        if (text.length > PROBE_BYTES_MAX) request.destroy(new Error('the answer is too large'))
      })
      response.once('error', () => resolve(undefined))
      response.once('end', () => resolve({status: response.statusCode ?? 0, text}))
    })
  })
}
