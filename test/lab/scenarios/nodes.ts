/** Single nodes: two that die together, one that moves, one whose saved state is damaged. */

import {setTimeout as sleep} from 'node:timers/promises'
import {action, nowMs, readJson, request} from '../stage/http.ts'
import {makeBody, sha256} from '../stage/ledger.ts'
import {BUCKET, describe, type Play, primaryOf, whole} from '../stage/play.ts'
import {gatewaysBut, hostsOf, type StageNode} from '../stage/stage.ts'
import {eventually, inRounds, killForGood, type Scenario} from './scenario.ts'

/**
 * D and a data lease for the first of two dead targets. The second is marked as lost only when the
 * first has settled, half a minute later (R13).
 */
const TAKEN_OVER_MS_MAX = 22_000 + 30_000
/** Writes that were all taken for so long are taken for good. */
const STEADY_MS = 3000
const MOVED_MS_MAX = 30_000
const PORTS_AWAY = 100
const OBJECTS = 120
const RECOVERED_MS_MAX = 40_000

export const nodeScenarios: readonly Scenario[] = [
  {
    name: 'two-targets',
    title: '14: two targets die one second apart and writes go on',
    on: 'seven',
    long: true,
    run: twoTargets,
  },
  {
    name: 'moved',
    title: '34: a node that returns on other ports is the same node there',
    on: 'hosts',
    long: true,
    run: moved,
  },
  {
    name: 'damaged',
    title: '40a: a node whose saved state is garbage recovers from its peers, or says which file',
    on: 'hosts',
    long: false,
    run: (play) => inRounds(play, 2, (number) => damaged(play, number === 1)),
  },
  {
    name: 'full-disk',
    title: '40b: a gateway without room for its state never disagrees with it',
    on: 'seven',
    long: true,
    run: fullDisk,
  },
]

async function twoTargets(play: Play): Promise<readonly string[]> {
  const {stage, checks} = play
  const [first, second] = stage.nodes.filter(({role}) => role === 'target')
  if (first === undefined || second === undefined) throw new Error('it takes two targets')
  const [gateway = ''] = gatewaysBut(stage)
  const stamp = Math.floor(nowMs())
  const path = (number: number): string => `/v1/objects/${BUCKET}/two-${stamp}/${number}`
  const kept = new Map<number, string>()
  const put = async (number: number): Promise<boolean> => {
    const {body, content} = makeBody(2048)
    const {status} = await request(gateway, {method: 'PUT', path: path(number), body})
    if (status === 200) kept.set(number, content)
    return status === 200
  }
  for (let number = 0; number < OBJECTS; number += 1) await put(number)
  await killForGood(play, [first])
  await sleep(1000)
  const deadMs = await killForGood(play, [second])
  let lastRefusedMs = deadMs
  const steady = (): boolean => nowMs() - lastRefusedMs > STEADY_MS
  for (let number = OBJECTS; !steady() && nowMs() - deadMs < TAKEN_OVER_MS_MAX; number += 1) {
    if (!(await put(number))) lastRefusedMs = nowMs()
  }
  checks.measure('writes refused for ms', lastRefusedMs - deadMs)
  checks.expect(steady(), 'all keys take writes soon', `${lastRefusedMs - deadMs} ms`)
  const states = await Promise.all(
    [...kept].map(async ([number, content]) => ({...(await look(gateway, path(number))), content})),
  )
  // 503, or nobody listens where its owner was.
  const wrong = states.filter(({status}) => ![200, 503, 0].includes(status))
  checks.expect(wrong.length === 0, 'what is out of reach is never "not found"', wrong.slice(0, 3))
  await stage.start([first])
  await sleep(2000)
  await stage.start([second])
  await whole(play)
  const bad: string[] = []
  for (const [number, content] of kept) {
    const right = (): Promise<boolean> =>
      look(gateway, path(number)).then((one) => one.content === content)
    if (!(await eventually(right, 20_000))) bad.push(path(number))
  }
  checks.expect(bad.length === 0, `all ${kept.size} objects are there afterwards`, bad)
  return [first.id, second.id]
}

async function look(
  gateway: string,
  path: string,
): Promise<{readonly status: number; readonly content: string}> {
  const {status, body} = await request(gateway, {method: 'GET', path})
  return {status, content: status === 200 ? sha256(body) : ''}
}

async function moved(play: Play): Promise<readonly string[]> {
  const {stage, checks} = play
  const primary = primaryOf(play)
  const last = (role: StageNode['role']): StageNode | undefined =>
    stage.nodes.findLast((one) => one.role === role && one.id !== primary.id)
  const nodes = [last('proxy'), last('target')].filter((one) => one !== undefined)
  for (const node of nodes) {
    play.load.use(gatewaysBut(stage, [node.id]))
    await stage.stop(node)
    await setPorts(play, node, PORTS_AWAY)
    const startMs = nowMs()
    await stage.start([node])
    const [host = '', port = ''] = node.endpoint.split(':')
    const there = `${host}:${Number(port) + PORTS_AWAY}`
    const shown = await eventually(() => allShow(play, node, there), MOVED_MS_MAX)
    checks.expect(shown, `${node.id} is shown at its new address by all`, there)
    if (shown) checks.measure('moved ms', nowMs() - startMs)
    await stage.stop(node)
    await setPorts(play, node, -PORTS_AWAY)
    await stage.start([node])
    await whole(play)
  }
  return nodes.map(({id}) => id)
}

async function setPorts({stage}: Play, {host, instance}: StageNode, by: number): Promise<void> {
  const said = await hostsOf(stage).run(
    host,
    `python3 - <<'X'
import json
path = "/etc/aisnode/${instance}.json"
value = json.load(open(path))
for name, place in value["listen"].items():
    address, _, port = place.rpartition(":")
    value["listen"][name] = f"{address}:{int(port) + ${by}}"
open(path, "w").write(json.dumps(value))
print("changed")
X`,
  )
  if (said !== 'changed') throw new Error(`${instance}: ${said}`)
}

/** Whether every other node's map has the node at this place. */
async function allShow({stage}: Play, node: StageNode, place: string): Promise<boolean> {
  interface MapShape {
    readonly pmap: Readonly<Record<string, MemberShape>>
    readonly tmap: Readonly<Record<string, MemberShape>>
    readonly ext?: {readonly abs?: Readonly<Record<string, unknown>>}
  }
  interface MemberShape {
    readonly public_net: {readonly direct_url: string}
  }
  const others = stage.nodes.filter(({id}) => id !== node.id)
  const maps = await Promise.all(
    others.map(({endpoint}) => readJson<MapShape>(endpoint, '/v1/daemon?what=smap')),
  )
  return maps.every((map) => {
    const member = {...map?.pmap, ...map?.tmap}[node.id]
    const here = member?.public_net.direct_url.endsWith(`//${place}`) === true
    return here && map?.ext?.abs?.[node.id] === undefined
  })
}

/** Garbage over all that a gateway has saved: of an ordinary one, then of the primary. */
async function damaged(play: Play, thePrimary: boolean): Promise<readonly string[]> {
  const {stage, checks, watch} = play
  const primary = primaryOf(play)
  const node = thePrimary
    ? primary
    : stage.nodes.find(({role, id}) => role === 'proxy' && id !== primary.id)
  if (node === undefined) throw new Error('one gateway only')
  play.load.use(gatewaysBut(stage, [node.id]))
  await killForGood(play, [node])
  const state = `/var/lib/aisnode/${node.instance}`
  const faults = hostsOf(stage)
  await faults.run(
    node.host,
    `cp -a ${state} ${state}.kept
     for slot in ${state}/record-*; do
       printf garbage | dd of="$slot" conv=notrunc status=none
       truncate -s -7 "$slot"
     done`,
  )
  const startMs = nowMs()
  await stage.start([node])
  const back = await whole(play, RECOVERED_MS_MAX)
  if (back === undefined) {
    const log = await stage.logOf(node, 50)
    checks.expect(log.includes(state), 'it says which file', log.slice(-500))
    await stage.stop(node)
    const restore = `find ${state} -mindepth 1 -delete; cp -a ${state}.kept/. ${state}/; sync`
    await faults.run(node.host, restore)
    await stage.start([node])
  } else checks.measure('recovered ms', back.atMs - startMs)
  await faults.run(node.host, `rm -rf ${state}.kept`)
  checks.expect((await whole(play)) !== undefined, 'whole again', describe(watch, stage))
  return [node.id]
}

async function fullDisk(play: Play): Promise<readonly string[]> {
  const {stage, checks, watch, load} = play
  const primary = primaryOf(play)
  const node = stage.nodes.find(({role, id}) => role === 'proxy' && id !== primary.id)
  const [gateway = ''] = gatewaysBut(stage, [node?.id ?? ''])
  if (node === undefined) throw new Error('one gateway only')
  load.use([gateway])
  const faults = hostsOf(stage)
  const free = '$(df --output=avail -B1 /var/lib | tail -n 1)'
  await faults.run(
    node.host,
    `fallocate -l ${free} /var/lib/full; dd if=/dev/zero of=/var/lib/full2`,
  )
  for (let number = 0; number < 10; number += 1) {
    const key = `full-${Math.floor(nowMs())}`
    const create = action('POST', `/v1/buckets/${key}`, {action: 'create-bck'})
    const {status, startMs, endMs} = await request(gateway, create)
    const outcome = status === 200 ? 'acknowledged' : 'unknown'
    load.buckets.note({by: 'full', key, content: 'bucket', startMs, endMs, outcome})
  }
  await faults.run(node.host, 'rm -f /var/lib/full /var/lib/full2')
  const back = await whole(play, 60_000)
  checks.expect(back !== undefined, 'with room again it is well', describe(watch, stage))
  return [node.id]
}
