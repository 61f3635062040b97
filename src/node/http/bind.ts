/** Binds a server, and says clearly why it could not. */

import type {Server} from 'node:http'

import {AisError, refusal} from '../../base/errors.ts'
import {formatEndpoint, type Endpoint} from '../../model/node.ts'
import {EXIT_CONFIGURATION, EXIT_FAILED} from '../exit.ts'

/**
 * @param name which listener, for the message
 * @param reusePort several threads share the port
 * @throws AisError BAD_CONFIG; `details.exitStatus` is 78 only when a restart cannot mend it
 */
export function listen(
  server: Server,
  at: Endpoint,
  name: string,
  reusePort = false,
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(explain(error, at, name)))
    server.listen({host: at.host, port: at.port, reusePort, backlog: 1024}, () => resolve())
  })
}

function explain(error: NodeJS.ErrnoException, at: Endpoint, name: string): AisError {
  const where = `${name} listener ${formatEndpoint(at)}`
  const hints: Readonly<Record<string, readonly [string, string, number]>> = {
    EADDRINUSE: [
      'the port is in use',
      `find its owner with: ss -ltnp 'sport = :${at.port}'`,
      EXIT_FAILED,
    ],
    EADDRNOTAVAIL: [
      'this host has no such address',
      'correct the listen addresses, or bring the interface up',
      EXIT_FAILED,
    ],
    EACCES: ['not permitted', 'use a port above 1023', EXIT_CONFIGURATION],
    ENOTFOUND: ['the name does not resolve', 'write an address', EXIT_FAILED],
  }
  const [wrong, hint, exitStatus] = hints[error.code ?? ''] ?? [error.message, '', EXIT_FAILED]
  return new AisError(
    refusal('BAD_CONFIG', `${where}: ${wrong}`, {hint, details: {exitStatus}}),
    error,
  )
}
