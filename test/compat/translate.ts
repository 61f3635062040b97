/**
 * A live answer in the terms of the recordings: ports, ids of this run and directories are replaced
 * by those that were recorded, so that what is left can be compared as it is.
 */

import type {Json} from '../../src/wire/json.ts'
import type {LiveCluster} from './live-cluster.ts'

/** First ports of the recorded cluster's listeners; node n has the n-th after each. */
const RECORDED_PORTS = {public: 18_080, control: 19_080, data: 20_080} as const

/** Turns texts of the live cluster into texts of the recorded one. */
export interface Translation {
  /** Where the recorded words `primary`, `secondary` and `target PORT` are here. */
  readonly urlOf: (to: string) => string
  readonly text: (text: string) => string
  readonly json: (value: Json) => Json
}

/** The translation for a running cluster. */
export function translationOf(cluster: LiveCluster): Translation {
  const ports = new Map<string, string>()
  for (const node of cluster.nodes) {
    for (const kind of ['data', 'control', 'public'] as const) {
      ports.set(String(node.ports[kind]), String(RECORDED_PORTS[kind] + node.number))
    }
  }
  const text = (source: string): string =>
    source
      .replaceAll(`${cluster.root}/ais/`, '/ais/')
      .replace(/127\.0\.0\.1:(\d+)/g, (whole, port: string) => {
        const recorded = ports.get(port)
        return recorded === undefined ? whole : `127.0.0.1:${recorded}`
      })
  const json = (value: Json): Json => {
    if (typeof value === 'string') return ports.get(value) ?? text(value)
    if (Array.isArray(value)) return (value as readonly Json[]).map(json)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [text(key), json(item)]))
  }
  const urlOf = (to: string): string => {
    const number = to === 'primary' ? 0 : to === 'secondary' ? 1 : Number(to.slice(-1))
    const node = cluster.nodes.find((one) => one.number === number)
    if (node === undefined) throw new Error(`no node stands for ${to}`)
    return node.url
  }
  return {urlOf, text, json}
}
