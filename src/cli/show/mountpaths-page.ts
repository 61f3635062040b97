/** `storage mountpath show`: where every target keeps its objects, and how full that is. */

import {AisError} from '../../base/errors.ts'
import type {ClusterClient} from '../../client/cluster.ts'
import {mapParallel} from '../../client/cluster.ts'
import {resolveNode} from '../../client/node-name.ts'
import type {NodeOverview} from '../../client/overview.ts'
import {gatherOverview} from '../../client/overview.ts'
import {formatSize} from '../../base/units.ts'
import {nodeLabel} from '../../model/ids.ts'
import type {MountpathUse} from '../../wire/capacity.ts'
import {isJsonMap} from '../../wire/decode.ts'
import type {Json, JsonMap} from '../../wire/json.ts'
import type {MountpathLists} from '../../wire/mountpaths.ts'
import {decodeSmap} from '../../wire/smap.ts'
import type {Paint} from '../render/paint.ts'
import {renderTable} from '../render/table.ts'
import {scalarText} from '../render/properties.ts'
import type {Page} from './cluster-page.ts'

interface Row {
  readonly target: string
  readonly state: string
  readonly path: string
  readonly use: MountpathUse
  /** `/dev/sda(ext4)`. */
  readonly device: string
}

export async function mountpathsPage(
  client: ClusterClient,
  node: string | undefined,
  paint: Paint,
): Promise<Page> {
  const wanted =
    node === undefined
      ? undefined
      : [resolveNode(decodeSmap(await client.smap()).smap, node, 'target').id]
  const {nodes} = await gatherOverview(client, {
    role: 'target',
    ...(wanted === undefined ? {} : {nodeIds: wanted}),
  })
  const lists = new Map(await mapParallel(nodes, (node) => listsOf(client, node)))
  const rows = nodes.flatMap((node) => rowsOf(node, lists.get(node) ?? null))
  const table = renderTable(rows, [
    {heading: 'TARGET', cell: ({target}) => target},
    {heading: 'MOUNTPATH', cell: ({path}) => path},
    {heading: 'DEVICE', cell: ({device}) => device},
    {heading: 'STATE', cell: ({state}) => state, show: ({state}) => state !== 'available'},
    {heading: 'LABEL', cell: ({use}) => use.label, show: ({use}) => use.label !== ''},
    {heading: 'USED(%)', cell: ({use}) => `${use.percentUsed}%`},
    {heading: 'AVAIL', cell: ({use}) => formatSize(use.availableBytes)},
  ])
  return {
    lines: [...table, ...problems(nodes, paint)],
    json: Object.fromEntries(
      nodes.map((node) => {
        const capacity = node.raw?.['capacity'] ?? null
        const states = lists.get(node) ?? null
        const whole = isJsonMap(capacity) && states !== null ? {...capacity, states} : capacity
        return [node.member.id, whole]
      }),
    ),
  }
}

/** Null: the target does not say. */
async function listsOf(
  client: ClusterClient,
  node: NodeOverview,
): Promise<readonly [NodeOverview, MountpathLists | null]> {
  if (node.facts === null) return [node, null]
  try {
    return [node, await client.mountpaths.lists(node.member.id)]
  } catch (error) {
    if (error instanceof AisError) return [node, null]
    throw error
  }
}

function rowsOf({member, facts, raw}: NodeOverview, lists: MountpathLists | null): readonly Row[] {
  const target = nodeLabel(member.role, member.id)
  return Object.entries(facts?.capacity.mountpaths ?? {}).map(([path, use]) => ({
    target,
    path,
    use,
    state: lists?.waiting.includes(path) === true ? 'waiting: it is being emptied' : 'available',
    device: deviceOf(raw, path),
  }))
}

function deviceOf(raw: JsonMap | null, path: string): string {
  const fs = below(below(below(raw?.['capacity'], 'mountpaths'), path), 'fs')
  const device = scalarText(below(fs, 'Fs'))
  return device === '' ? '-' : `${device}(${scalarText(below(fs, 'FsType'))})`
}

function below(value: Json | undefined, key: string): Json | undefined {
  return isJsonMap(value) ? value[key] : undefined
}

/** What is wrong with mountpaths, and who could not be asked. */
function problems(nodes: readonly NodeOverview[], paint: Paint): readonly string[] {
  return nodes.flatMap(({member, facts, condition}) => {
    const label = nodeLabel(member.role, member.id)
    if (facts === null)
      return [paint('yellow', `${label}: ${condition}; its mountpaths are not known`)]
    const {problem} = facts.capacity
    return problem === '' ? [] : [paint('red', `${label}: ${problem}`)]
  })
}
