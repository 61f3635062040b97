/** The whole cluster goes, or a node forgets: there is never a second cluster. */

import {setTimeout as sleep} from 'node:timers/promises'
import {nowMs} from '../stage/http.ts'
import {describe, newPrimary, others, type Play, primaryOf, whole} from '../stage/play.ts'
import {gatewaysBut, hostsOf, type StageNode} from '../stage/stage.ts'
import {eventually, expectPrimary, expectWhole, reign, type Scenario} from './scenario.ts'

const RETURN_MS_MAX = 60_000
const HAND_OVER_MS_MAX = 5000
/** A node that is going to invent a cluster has done it by then. */
const INVENTION_MS = 12_000
const REJOIN_MS_MAX = 30_000

export const wholeScenarios: readonly Scenario[] = [
  {
    name: 'without-the-primary',
    title: '9: all hosts lose power and that of the primary stays off: the same cluster, led anew',
    on: 'hosts',
    long: false,
    run: withoutThePrimary,
  },
  {
    name: 'nobody-there',
    title: '10: a node that reaches nobody it knows waits and says so',
    on: 'seven',
    long: true,
    run: nobodyThere,
  },
  {
    name: 'empty-disk',
    title: '11: a former primary that lost its state joins as an ordinary node',
    on: 'hosts',
    long: false,
    run: emptyDisk,
  },
]

async function withoutThePrimary(play: Play): Promise<readonly string[]> {
  const {stage, checks, watch} = play
  const faults = hostsOf(stage)
  const {primary} = reign(play)
  const version = watch.of(primary.id)?.version ?? 0
  const all = [...new Set(stage.nodes.map(({host}) => host))]
  await faults.powerOff(all)
  const gone = stage.nodes.filter(({host}) => host === primary.host)
  const live = others(
    stage,
    gone.map(({id}) => id),
  )
  await faults.powerOn(all.filter((host) => host !== primary.host))
  const onMs = nowMs()
  const next = await newPrimary(play, live, [primary.id], RETURN_MS_MAX)
  checks.expect(next !== undefined, 'the others are one cluster again', describe(watch, stage))
  if (next !== undefined) {
    checks.measure('led anew after power-on ms', next.atMs - onMs)
    checks.expect(next.value.uuid === stage.uuid, 'the same cluster', next.value.uuid)
    checks.expect(next.value.version >= version, 'the map is not older', next.value.version)
  }
  await faults.powerOn([primary.host])
  await expectWhole(play, next?.value.primary ?? '')
  return stage.nodes.map(({id}) => id)
}

/** Its gateway is cut off, loses its process, and finds nobody when it starts. */
async function nobodyThere(play: Play): Promise<readonly string[]> {
  const {stage, checks, watch, load} = play
  const primary = primaryOf(play)
  const lonely = stage.nodes.find(({role, id}) => role === 'proxy' && id !== primary.id)
  if (lonely === undefined) throw new Error('one gateway only')
  load.use(gatewaysBut(stage, [lonely.id]))
  const cutMs = await hostsOf(stage).cut([lonely.host])
  await stage.kill([lonely])
  await stage.start([lonely])
  await sleep(INVENTION_MS)
  const seen = watch.since(cutMs, [lonely.id])
  const foreign = seen.filter(({uuid, members}) => {
    return uuid !== stage.uuid || members.length < stage.nodes.length
  })
  checks.expect(foreign.length === 0, 'it shows no other and no smaller cluster', foreign)
  const leads = seen.filter((one) => one.primary === lonely.id)
  checks.expect(leads.length === 0, 'it does not lead')
  const log = await stage.logOf(lonely, 200)
  checks.expect(/wait|looking for the cluster/i.test(log), 'it says that it waits', log.slice(-500))
  const healMs = await hostsOf(stage).heal()
  const back = await whole(play, REJOIN_MS_MAX)
  checks.expect(back !== undefined, 'it is back soon after the heal', describe(watch, stage))
  if (back !== undefined) checks.measure('healed ms', back.atMs - healMs)
  return [lonely.id]
}

async function emptyDisk(play: Play): Promise<readonly string[]> {
  const {stage, checks, watch} = play
  const {primary} = reign(play)
  const sinceMs = nowMs()
  const [, next] = await Promise.all([
    stage.stop(primary),
    expectPrimary(play, [primary], {withinMs: HAND_OVER_MS_MAX, sinceMs}),
  ])
  await wipe(play, primary)
  await stage.start([primary])
  const joined = await eventually(() => watch.of(primary.id)?.primary === next, REJOIN_MS_MAX)
  checks.expect(joined, 'it follows the present primary', describe(watch, stage))
  const seen = watch.since(sinceMs, [primary.id]).filter(({members, uuid}) => {
    return members.length < stage.nodes.length || uuid !== stage.uuid
  })
  checks.expect(seen.length === 0, 'it shows no other and no smaller cluster', seen)
  await expectWhole(play, next)
  return [primary.id]
}

async function wipe({stage}: Play, {host, instance}: StageNode): Promise<void> {
  await hostsOf(stage).run(host, `find /var/lib/aisnode/${instance} -mindepth 1 -delete`)
}
