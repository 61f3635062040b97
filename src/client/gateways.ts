/**
 * The gateways of one cluster in the order in which they are tried: the one that answered last
 * comes first, those that the cluster's own map names come after those that were given.
 */

export interface Gateways {
  /** URLs. Invariant: at least one. */
  list(): readonly string[]
  /** It works: it is tried first from now on. */
  answered(url: string): void
  /** More of the same cluster. */
  learn(urls: readonly string[]): void
}

/** Gateways kept of one cluster: it has 51 nodes at most. */
const GATEWAYS_MAX = 64

/** @param urls at least one */
export function createGateways(urls: readonly string[]): Gateways {
  let order = [...new Set(urls)]
  return {
    list: () => order,
    answered: (url) => {
      if (order[0] === url || !order.includes(url)) return
      order = [url, ...order.filter((other) => other !== url)]
    },
    learn: (more) => {
      order = [...new Set([...order, ...more])].slice(0, GATEWAYS_MAX)
    },
  }
}
