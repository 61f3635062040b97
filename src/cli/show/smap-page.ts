/** `show cluster smap`: who is where, as one node holds it. */

import type {ClusterClient} from '../../client/cluster.ts'
import {resolveNode} from '../../client/node-name.ts'
import {nodeLabel} from '../../model/ids.ts'
import type {Member} from '../../model/node.ts'
import {endpointUrl, NODE_FLAG} from '../../model/node.ts'
import {decodeSmap} from '../../wire/smap.ts'
import {marksOf} from '../render/status-view.ts'
import {renderGrid, renderTable} from '../render/table.ts'
import type {Page} from './cluster-page.ts'

/** @param node whose copy; absent: the gateway's */
export async function smapPage(client: ClusterClient, node: string | undefined): Promise<Page> {
  const first = await client.smap()
  const raw =
    node === undefined ? first : await client.smapOf(resolveNode(decodeSmap(first).smap, node).id)
  const {smap, uuid} = decodeSmap(raw)
  const members = Object.values(smap.nodes).toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const proxies = members.filter(({role}) => role === 'proxy')
  const targets = members.filter(({role}) => role === 'target')
  const table = (rows: readonly Member[]): readonly string[] =>
    renderTable(rows, [
      {heading: 'NODE', cell: (member) => nameOf(member, smap.primary)},
      {heading: 'TYPE', cell: ({role}) => role},
      {heading: 'PUBLIC URL', cell: (member) => endpointUrl(member.public)},
      {heading: 'INTRA CONTROL URL', cell: ({control}) => endpointUrl(control)},
      {heading: 'INTRA DATA URL', cell: ({data}) => endpointUrl(data)},
    ])
  const excluded = proxies
    .filter(({flags}) => (flags & NODE_FLAG.nonElectable) !== 0)
    .map(({id}) => id)
  const counts = `proxies(${proxies.length}), targets(${targets.length})`
  return {
    lines: [
      ...table(proxies),
      '',
      ...table(targets),
      '',
      ...renderGrid([
        ['Non-Electable:', excluded.join(', ')],
        ['Primary Proxy:', smap.primary],
        ['Summary:', `${counts}, cluster map(v${smap.version}), cluster ID("${uuid}")`],
      ]),
    ],
    json: raw,
  }
}

function nameOf(member: Member, primary: string): string {
  return `${nodeLabel(member.role, member.id)}${marksOf(member, member.id === primary)}`
}
