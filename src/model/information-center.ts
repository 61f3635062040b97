/**
 * Which proxies form AIStore's information center: the primary and up to two more. The reference
 * fills it in map order; here it is a function of the map, so that nobody has to store a flag.
 */

import type {NodeId} from './ids.ts'
import {isElectable} from './node.ts'
import type {Smap} from './record.ts'

/** Members of the information center (AIStore `DfltCountIC`). */
const CENTER_SIZE = 3

/** Its members: the primary, then electable proxies that are not away, by id. */
export function informationCenter(smap: Smap): readonly NodeId[] {
  const others = Object.values(smap.nodes)
    .filter((member) => isElectable(member) && member.away === null && member.id !== smap.primary)
    .map(({id}) => id)
    .sort()
  return [smap.primary, ...others].slice(0, CENTER_SIZE)
}
