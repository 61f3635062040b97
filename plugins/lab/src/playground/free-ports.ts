/**
 * Ports that nobody listens on. All are held while the rest is looked for, so that one search never
 * gives a port twice; ports of other playgrounds are avoided even while those are stopped.
 */

import type {Server} from 'node:net'
import {createServer} from 'node:net'
import {setTimeout as sleep} from 'node:timers/promises'
import {AisError} from 'aisctl/kit'

/**
 * Below the range that Linux hands out to outgoing connections (32768 to 60999): a stopped node
 * must not find its port lent to a client.
 */
export const FIRST_PORT = 21_080
const LAST_PORT = 32_767
export const LOOPBACK = '127.0.0.1'

export async function findFreePorts(
  count: number,
  avoid: ReadonlySet<number>,
): Promise<readonly number[]> {
  const held: Server[] = []
  const ports: number[] = []
  try {
    for (let port = FIRST_PORT; ports.length < count; port++) {
      if (port > LAST_PORT) throw tooFew(count)
      if (avoid.has(port)) continue
      const server = await hold(port)
      if (server === undefined) continue
      held.push(server)
      ports.push(port)
    }
    return ports
  } finally {
    await Promise.all(held.map((server) => new Promise((done) => server.close(done))))
  }
}

/** A process that was killed keeps its ports until its last thread has ended. */
const RELEASE_MS = 1_000
const RELEASE_POLL_MS = 20

/** The first of these ports that somebody listens on, and goes on doing so. */
export async function firstTaken(ports: readonly number[]): Promise<number | undefined> {
  const deadline = performance.now() + RELEASE_MS
  for (const port of new Set(ports)) {
    while (!(await isFree(port))) {
      if (performance.now() > deadline) return port
      await sleep(RELEASE_POLL_MS)
    }
  }
  return undefined
}

async function isFree(port: number): Promise<boolean> {
  const server = await hold(port)
  if (server === undefined) return false
  await new Promise((done) => server.close(done))
  return true
}

function hold(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen({host: LOOPBACK, port, exclusive: true}, () => resolve(server))
  })
}

function tooFew(count: number): AisError {
  return new AisError({
    code: 'REFUSED',
    message: `fewer than ${count} ports are free between ${FIRST_PORT} and ${LAST_PORT}`,
    hint: 'see what listens there: ss -ltn',
  })
}
