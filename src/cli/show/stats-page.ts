/** `show cluster stats`: the counters of every target, non-zero columns only. */

import type {ClusterClient} from '../../client/cluster.ts'
import type {NodeOverview} from '../../client/overview.ts'
import {gatherOverview} from '../../client/overview.ts'
import {formatSize} from '../../base/units.ts'
import {isJsonMap} from '../../wire/decode.ts'
import type {JsonMap} from '../../wire/json.ts'
import {scalarText} from '../render/properties.ts'
import {nodeCell} from '../render/status-view.ts'
import type {TableColumn} from '../render/table.ts'
import {renderTable} from '../render/table.ts'
import type {Page} from './cluster-page.ts'

export async function statsPage(client: ClusterClient): Promise<Page> {
  const {nodes} = await gatherOverview(client, {role: 'target'})
  const names = [...new Set(nodes.flatMap((node) => Object.keys(trackerOf(node))))]
    .filter((name) => /\.(n|size)$/.test(name))
    .filter((name) => nodes.some((node) => trackerOf(node)[name] !== 0))
    .toSorted()
  const columns: TableColumn<NodeOverview>[] = [
    {heading: 'TARGET', cell: nodeCell},
    ...names.map((name) => ({heading: headingOf(name), cell: cellOf(name)})),
  ]
  const table = renderTable(nodes, columns)
  const empty = names.length === 0 ? ['', 'No target has counted anything yet.'] : []
  return {
    lines: [...table, ...empty],
    json: Object.fromEntries(nodes.map((node) => [node.member.id, trackerOf(node)])),
  }
}

function trackerOf({raw}: NodeOverview): JsonMap {
  const tracker = raw?.['tracker']
  return isJsonMap(tracker) ? tracker : {}
}

/** `get.n` → `GET(n)`, `err.put.n` → `ERR-PUT(n)`. */
function headingOf(name: string): string {
  const words = name.split('.')
  const unit = words.pop() ?? ''
  const short: Readonly<Record<string, string>> = {del: 'DELETE', lst: 'LIST', ren: 'RENAME'}
  const [first = ''] = words
  const shown = words.length === 1 ? [short[first] ?? first] : words
  return `${shown.join('-').toUpperCase()}(${unit})`
}

function cellOf(name: string): (node: NodeOverview) => string {
  return (node) => {
    const value = trackerOf(node)[name]
    if (value === undefined || value === null || value === 0) return '-'
    return name.endsWith('.size') ? formatSize(Number(value)) : scalarText(value)
  }
}
