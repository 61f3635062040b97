/** What a target knows, as decisions about its objects take it: a view, and the ring that follows. */

import {NO_RING, ringOf, type OwnRing} from '../../src/core/objects/ring.ts'
import {PRIMARY_UNKNOWN, type ClusterView} from '../../src/model/cluster-view.ts'
import type {NodeId} from '../../src/model/ids.ts'
import type {ClusterRecord} from '../../src/model/record.ts'

/** The view of a target in office under a record, all of it settled. */
export function viewOf(
  self: NodeId,
  of: ClusterRecord | null,
  more: Partial<ClusterView> = {},
): readonly [ClusterView, OwnRing] {
  const view: ClusterView = {
    self: {id: self, role: 'target', inc: 1},
    record: of,
    leading: false,
    primary: PRIMARY_UNKNOWN,
    settledIndex: 9,
    nodeStarted: true,
    clusterStarted: true,
    stopping: false,
    ...more,
  }
  return [view, of === null ? NO_RING : ringOf(of)]
}
