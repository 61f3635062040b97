/**
 * The objects of a rebalance: all of one target, by their names, so that no more is stored than
 * moves; each with a content of its own, stored through the gateways, and read back whole from
 * wherever the gateways send a reader.
 */

import {candidatesOf, highestWeight, objectDigest} from '../../src/core/placement/locate.ts'
import {GLOBAL_NAMESPACE} from '../../src/model/bucket.ts'
import {isRefusal, parseBucketName} from '../../src/model/ids.ts'
import {bodyOf} from './body.ts'
import {createClient, type Client} from './http-client.ts'
import type {Playground} from './playground.ts'

export interface StoredObjects {
  readonly bucket: string
  readonly names: readonly string[]
  readonly sizeBytes: number
}

/** Requests at a time, each over a connection of its own. */
const CONNECTIONS = 8

export interface Wanted {
  readonly bucket: string
  /** Whose objects they are to be, while all targets are in service. */
  readonly target: string
  readonly count: number
}

/** So many names whose objects belong to the target. */
export function namesOf({nodes}: Playground, {bucket, target, count}: Wanted): readonly string[] {
  const ids = nodes.filter(({role}) => role === 'target').map(({id}) => id)
  const candidates = candidatesOf(ids)
  const named = parseBucketName(bucket)
  if (isRefusal(named)) throw new Error(named.message)
  const ref = {provider: 'ais', namespace: GLOBAL_NAMESPACE, name: named} as const
  const names: string[] = []
  for (let number = 0; names.length < count; number += 1) {
    const name = `object-${number}`
    if (highestWeight(candidates, objectDigest(ref, name)) === target) names.push(name)
  }
  return names
}

/** Stores all. @throws Error for any answer but 200 */
export async function storeObjects(playground: Playground, objects: StoredObjects): Promise<void> {
  const base = bodyOf(objects.sizeBytes)
  await eachOf(playground, objects, async ({clients, endpoint, name}) => {
    const path = pathOf(objects, name)
    const body = contentOf(base, name)
    const {status} = await clients.following.ask(endpoint, {method: 'PUT', path, body})
    if (status !== 200) throw new Error(`PUT ${name}: status ${status}`)
  })
}

/** How many are read whole, unchanged, and elsewhere than at the target that was left. */
export async function countMoved(
  playground: Playground,
  objects: StoredObjects,
  left: string,
): Promise<number> {
  const base = bodyOf(objects.sizeBytes)
  const ports = playground.nodes.find(({id}) => id === left)?.ports
  let moved = 0
  await eachOf(playground, objects, async ({clients, endpoint, name}) => {
    const ask = {method: 'GET', path: pathOf(objects, name)} as const
    const {location} = await clients.plain.ask(endpoint, ask)
    if (location === null || new URL(location).port === String(ports?.public)) return
    const {host, pathname, search} = new URL(location)
    const read = {method: 'GET', path: `${pathname}${search}`, keepBody: true} as const
    const {status, body} = await clients.plain.ask(host, read)
    if (status === 200 && body?.equals(contentOf(base, name)) === true) moved += 1
  })
  return moved
}

/** Content that says whose it is. */
function contentOf(base: Uint8Array, name: string): Buffer {
  const content = Buffer.from(base)
  content.write(name, 'latin1')
  return content
}

function pathOf({bucket}: StoredObjects, name: string): string {
  return `/v1/objects/${bucket}/${name}?provider=ais`
}

interface Step {
  readonly clients: {readonly following: Client; readonly plain: Client}
  readonly endpoint: string
  readonly name: string
}

async function eachOf(
  {gateways}: Playground,
  {names}: StoredObjects,
  run: (step: Step) => Promise<void>,
): Promise<void> {
  let next = 0
  const work = async (): Promise<void> => {
    const clients = {following: createClient(), plain: createClient(0)}
    try {
      for (let at = next++; at < names.length; at = next++) {
        const endpoint = gateways[at % gateways.length] ?? ''
        await run({clients, endpoint, name: names[at] ?? ''})
      }
    } finally {
      clients.following.close()
      clients.plain.close()
    }
  }
  await Promise.all(Array.from({length: CONNECTIONS}, work))
}
