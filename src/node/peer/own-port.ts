/**
 * The near end of a node's outgoing connections. The listeners' ports (51080 and on) lie among
 * those that Linux hands out for connections, so a node's connection may have the very port that
 * another node of the host is about to listen on, and would keep it from starting for as long as
 * it lasts.
 */

import {isIPv4, isIPv6} from 'node:net'

/**
 * Options for a connection to a host. Naming the near address makes the socket one that was bound,
 * with SO_REUSEADDR, and a listener may take its port; a socket that the kernel binds by itself
 * excludes every listener. A host name stays with the kernel, as its family is not known yet.
 */
export function nearEnd(host: string): {readonly localAddress?: string} {
  if (isIPv4(host)) return {localAddress: '0.0.0.0'}
  return isIPv6(host) ? {localAddress: '::'} : {}
}
