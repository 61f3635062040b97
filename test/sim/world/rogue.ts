/** Messages of somebody who belongs elsewhere, or is out of his mind. */

import type {ClusterUuid, NodeId} from '../../../src/model/ids.ts'
import type {PeerRequest} from '../../../src/model/peer-messages.ts'
import type {Random} from './random.ts'
import {SIM_UUID} from './scene.ts'

/** One of them. */
export function rogueRequest(random: Random): PeerRequest {
  const uuid = random.chance(0.5) ? ('other-cluster' as ClusterUuid) : SIM_UUID
  const stranger = 'stranger-1' as NodeId
  switch (random.int(0, 4)) {
    case 0:
      return {
        type: 'vote',
        uuid,
        epoch: random.int(0, 1000),
        candidate: {id: stranger, inc: 1},
        pre: random.chance(0.5),
        founding: false,
        led: 0,
        forced: random.chance(0.2),
        holds: null,
      }
    case 1:
      return {
        type: 'beat',
        uuid: 'other-cluster' as ClusterUuid,
        epoch: 1_000_000,
        committed: {epoch: 1_000_000, index: 5},
        committedSha: 'x',
        settled: 10,
        started: true,
        to: {inc: 1, run: 1},
        echo: 1,
        leaseMs: 100_000,
      }
    case 2:
      return {type: 'leaving', uuid, voter: {id: stranger, inc: 3}, run: 1, gone: false}
    case 3:
      return {type: 'nominate', uuid, epoch: random.int(0, 1000), primary: stranger}
    default:
      return {type: 'probe', uuid: ''}
  }
}
