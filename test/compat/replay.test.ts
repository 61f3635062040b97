/**
 * Replays every recorded exchange of nodes, clusters, maintenance, buckets and objects against a
 * live cluster, and puts the recorded placements. Differences are either chosen (differs.ts) or
 * listed (not-covered.ts).
 */

import t from 'tap'
import {candidatesOf, highestWeight, objectDigest} from '../../src/core/placement/locate.ts'
import {GLOBAL_NAMESPACE} from '../../src/model/bucket.ts'
import type {BucketName} from '../../src/model/ids.ts'
import type {Exchange, Placement} from '../helpers/recordings.ts'
import {exchangesOf, placements} from '../helpers/recordings.ts'
import {compareAnswer} from './compare.ts'
import {DIFFERS} from './differs.ts'
import type {LiveCluster} from './live-cluster.ts'
import {startCluster} from './live-cluster.ts'
import {NOT_COVERED} from './not-covered.ts'
import type {Replay} from './replay.ts'
import {replay, send} from './replay.ts'
import type {Translation} from './translate.ts'
import {translationOf} from './translate.ts'

/** In the order in which they were recorded: later ones build on what earlier ones made. */
const RECORDINGS = ['node', 'cluster', 'lifecycle', 'buckets', 'objects', 'set-primary'] as const
/** Puts of the placement test in flight at once. */
const PUTS_MAX = 8

const met = new Set<RegExp>()

/** Differences that were not chosen. */
async function differencesOf(
  exchange: Exchange,
  translation: Translation,
  state: Replay,
): Promise<readonly string[]> {
  const answer = await replay(exchange, translation, state)
  return compareAnswer(exchange, answer)
    .map(({at, problem}) => `${exchange.name} ${at}: ${problem}`)
    .filter((line) => {
      const chosen = DIFFERS.filter(({rule}) => rule.test(line))
      for (const {rule} of chosen) met.add(rule)
      return chosen.length === 0
    })
}

/** Follows a PUT through its redirect, as clients do. @returns the URL that took the object */
async function putObject(url: string, body: string): Promise<string> {
  const first = await send(url, 'PUT', {body})
  const at = first.rawHeaders.findIndex((name) => name.toLowerCase() === 'location')
  const location = first.rawHeaders[at + 1] ?? ''
  const second = await send(location, 'PUT', {body})
  if (second.status !== 200) throw new Error(`PUT ${location}: ${second.status} ${second.bytes}`)
  return location
}

async function headOf(location: string): Promise<ReadonlyMap<string, string>> {
  const {rawHeaders} = await send(location, 'HEAD', {})
  const pairs: [string, string][] = []
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    pairs.push([rawHeaders[at] ?? '', rawHeaders[at + 1] ?? ''])
  }
  return new Map(pairs)
}

/** Where an object came to lie, as its HEAD says: `t[id]:mp[PATH`. */
async function landingPlace(cluster: LiveCluster, name: string): Promise<string> {
  const proxy = cluster.nodes[name.length % 3]
  const path = name.split('/').map(encodeURIComponent).join('/')
  const location = await putObject(`${proxy?.url}/v1/objects/hrw/${path}?provider=ais`, name)
  const headers = await headOf(location)
  return /^[^,\]]*\][^,\]]*/.exec(headers.get('Ais-Location') ?? '')?.[0] ?? 'nowhere'
}

/** Where it belongs: on the recorded target, on the heavier of its two mountpaths. */
function recordedPlace(cluster: LiveCluster, {object, target}: Placement): string {
  const ref = {name: 'hrw' as BucketName, provider: 'ais', namespace: GLOBAL_NAMESPACE} as const
  const base = `${cluster.root}/ais/${target.slice(-1)}`
  const paths = candidatesOf([`${base}/mp0`, `${base}/mp1`])
  return `t[${target}]:mp[${highestWeight(paths, objectDigest(ref, object))}`
}

t.test('a live cluster answers as it was recorded', async (t) => {
  const cluster = await startCluster()
  t.teardown(() => cluster.stop())
  const translation = translationOf(cluster)
  const state: Replay = {raw: new Map()}
  const known = new Set<string>()

  for (const recording of RECORDINGS) {
    await t.test(`the recording of ${recording} is answered as it was`, async (t) => {
      for (const exchange of exchangesOf(recording)) {
        known.add(exchange.name)
        const differences = await differencesOf(exchange, translation, state)
        const reason = NOT_COVERED[exchange.name]
        if (reason === undefined) t.equal(differences.join('\n'), '', exchange.name)
        else t.not(differences.length, 0, `${exchange.name} passes: strike it from the list`)
      }
    })
  }

  await t.test('objects land where the recording says', async (t) => {
    const created = await send(
      `${translation.urlOf('primary')}/v1/buckets/hrw?provider=ais`,
      'POST',
      {
        body: '{"action":"create-bck"}',
      },
    )
    t.equal(created.status, 200)
    const all = [...placements()]
    t.equal(all.length, 319)
    await Promise.all(
      Array.from({length: PUTS_MAX}, async () => {
        for (let next = all.pop(); next !== undefined; next = all.pop()) {
          const place = await landingPlace(cluster, next.object)
          t.equal(place, recordedPlace(cluster, next), next.object.slice(0, 40))
        }
      }),
    )
  })

  await t.test('the lists of differences hold nothing that is not needed', (t) => {
    for (const name of Object.keys(NOT_COVERED)) t.ok(known.has(name), `${name} is recorded`)
    for (const {rule, because} of DIFFERS) t.ok(met.has(rule), `differs: ${because}`)
    t.end()
  })
})
