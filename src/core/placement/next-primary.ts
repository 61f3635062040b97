/**
 * Who stands first when the primary is gone. Compat: aistore core/meta/hrw.go HrwProxy — the raw
 * digest of the id, unmixed, so the order of succession is fixed for given ids.
 */

import {xxh64} from '../../base/xxhash.ts'
import type {NodeId} from '../../model/ids.ts'
import {isElectable} from '../../model/node.ts'
import type {Smap} from '../../model/record.ts'

/** Electable proxies in the order of succession; the current primary comes last (R4). */
export function succession(smap: Smap): readonly NodeId[] {
  const ranked = Object.values(smap.nodes)
    .filter(isElectable)
    .map(({id}) => ({id, digest: xxh64(id)}))
    .sort((a, b) => (a.digest === b.digest ? (a.id > b.id ? -1 : 1) : a.digest > b.digest ? -1 : 1))
    .map(({id}) => id)
  return [
    ...ranked.filter((id) => id !== smap.primary),
    ...ranked.filter((id) => id === smap.primary),
  ]
}
