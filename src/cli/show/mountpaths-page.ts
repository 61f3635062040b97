/** `storage mountpath show`: where every target keeps its objects, and how full that is. */

import type {ClusterClient} from '../../client/cluster.ts'
import {resolveNode} from '../../client/node-name.ts'
import type {NodeOverview} from '../../client/overview.ts'
import {gatherOverview} from '../../client/overview.ts'
import {formatSize} from '../../base/units.ts'
import {nodeLabel} from '../../model/ids.ts'
import type {MountpathUse} from '../../wire/capacity.ts'
import {isJsonMap} from '../../wire/decode.ts'
import type {Json, JsonMap} from '../../wire/json.ts'
import {decodeSmap} from '../../wire/smap.ts'
import type {Paint} from '../render/paint.ts'
import {renderTable} from '../render/table.ts'
import {scalarText} from '../render/properties.ts'
import type {Page} from './cluster-page.ts'

interface Row {
  readonly target: string
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
  const rows = nodes.flatMap(rowsOf)
  const table = renderTable(rows, [
    {heading: 'TARGET', cell: ({target}) => target},
    {heading: 'MOUNTPATH', cell: ({path}) => path},
    {heading: 'DEVICE', cell: ({device}) => device},
    {heading: 'LABEL', cell: ({use}) => use.label, show: ({use}) => use.label !== ''},
    {heading: 'USED(%)', cell: ({use}) => `${use.percentUsed}%`},
    {heading: 'AVAIL', cell: ({use}) => formatSize(use.availableBytes)},
  ])
  return {
    lines: [...table, ...problems(nodes, paint)],
    json: Object.fromEntries(nodes.map(({member, raw}) => [member.id, raw?.['capacity'] ?? null])),
  }
}

function rowsOf({member, facts, raw}: NodeOverview): readonly Row[] {
  const target = nodeLabel(member.role, member.id)
  return Object.entries(facts?.capacity.mountpaths ?? {}).map(([path, use]) => ({
    target,
    path,
    use,
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
