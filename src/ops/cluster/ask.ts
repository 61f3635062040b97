/**
 * One small question to one node: over its public network, as any client would, and when nobody
 * answers there, from its own host. A public network that the operator's machine cannot reach, or a
 * moment's loss, must not pass for a cluster that is down.
 */

import {AisError} from '../../base/errors.ts'
import {probe, type ProbeAnswer} from '../../client/probe.ts'
import {endpointUrl} from '../../model/node.ts'
import {hostOf, type Fleet} from '../fleet.ts'
import {OPT} from '../host/manifest.ts'
import type {Topology, TopologyNode} from '../topology/resolve.ts'

/** One small question; a node that needs longer is not well. */
const PROBE_TIMEOUT_MS = 2000
/** An order is a change of the record: two round trips and a disk. */
const ORDER_TIMEOUT_MS = 10_000
/** Longer than a probe by what SSH and a start of Node.js take. */
const HOST_TIMEOUT_MS = 15_000
/** A host is asked again after this time at the earliest: polls are many, and SSH costs a process. */
const HOST_EVERY_MS = 3000

/**
 * Asks a node for a path of its public listener; undefined when there is no answer. A PUT may be
 * heard twice: for orders alone that are the same when they are repeated.
 */
export type Ask = (
  node: TopologyNode,
  path: string,
  method?: 'PUT',
) => Promise<ProbeAnswer | undefined>

/** `http://host:port` of a node's public listener. */
export function publicUrl(topology: Topology, node: TopologyNode): string {
  const host = hostOf(topology, node.host).networks.public
  return endpointUrl({host, port: node.ports.public})
}

/** Over the public network alone. */
export function askDirectly(topology: Topology): Ask {
  return (node, path, method) => {
    const url = `${publicUrl(topology, node)}${path}`
    return method === undefined ? probe(url, PROBE_TIMEOUT_MS) : order(url)
  }
}

async function order(url: string): Promise<ProbeAnswer | undefined> {
  try {
    const signal = AbortSignal.timeout(ORDER_TIMEOUT_MS)
    const answer = await fetch(url, {method: 'PUT', redirect: 'follow', signal})
    return {status: answer.status, text: await answer.text()}
  } catch (error) {
    // fetch has one kind of error for whatever the network does.
    if (error instanceof TypeError || (error as Error).name === 'TimeoutError') return undefined
    throw error
  }
}

/** Over the public network, else on the node's own host. */
export function askThrough(fleet: Fleet): Ask {
  const direct = askDirectly(fleet.topology)
  const kept = new Map<string, {readonly atMs: number; readonly answer: ProbeAnswer | undefined}>()
  return async (node, path, method) => {
    const answer = await direct(node, path, method)
    if (answer !== undefined) return answer
    if (method !== undefined) return askOnHost(fleet, node, path, method)
    const key = `${node.id} ${path}`
    const before = kept.get(key)
    if (before !== undefined && performance.now() - before.atMs < HOST_EVERY_MS) {
      return before.answer
    }
    const found = await askOnHost(fleet, node, path)
    kept.set(key, {atMs: performance.now(), answer: found})
    return found
  }
}

/** Says the status on the first line, then the text; nothing when there is no answer. */
const QUESTION = `const [url, method] = process.argv.slice(1)
const signal = AbortSignal.timeout(${ORDER_TIMEOUT_MS})
fetch(url, {method, signal}).then(
  async (answer) => process.stdout.write(answer.status + '\\n' + (await answer.text())),
  () => {})`

async function askOnHost(
  fleet: Fleet,
  node: TopologyNode,
  path: string,
  method = 'GET',
): Promise<ProbeAnswer | undefined> {
  const url = `${publicUrl(fleet.topology, node)}${path}`
  try {
    const {status, stdout} = await fleet.host(node.host).run({
      // The node's own runtime: a managed host needs neither curl nor Python.
      argv: [`${OPT}/${node.instance}/runtime/node`, '-e', QUESTION, url, method],
      asRoot: false,
      timeoutMs: HOST_TIMEOUT_MS,
    })
    const end = stdout.indexOf('\n')
    if (status !== 0 || end < 0) return undefined
    return {status: Number(stdout.slice(0, end)), text: stdout.slice(end + 1)}
  } catch (error) {
    // A host that cannot be reached says nothing, either.
    if (error instanceof AisError && error.code !== 'INTERRUPTED') return undefined
    throw error
  }
}
