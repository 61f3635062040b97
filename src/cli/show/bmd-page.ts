/** `show cluster bmd`: the buckets as the cluster's metadata holds them. */

import type {ClusterClient} from '../../client/cluster.ts'
import {parseU64} from '../../base/u64.ts'
import {decodeBmd} from '../../wire/bmd.ts'
import {isJsonMap} from '../../wire/decode.ts'
import type {Json, JsonMap} from '../../wire/json.ts'
import {formatRfc822} from '../../wire/time.ts'
import {scalarText} from '../render/properties.ts'
import {renderGrid, renderTable} from '../render/table.ts'
import type {Page} from './cluster-page.ts'

export async function bmdPage(client: ClusterClient): Promise<Page> {
  const raw = await client.bmd()
  const {buckets, uuid, version} = decodeBmd(raw)
  return {
    lines: [
      ...renderTable(buckets, [
        {heading: 'PROVIDER', cell: ({ref}) => ref.provider},
        {heading: 'NAMESPACE', cell: ({ref}) => namespaceText(ref.namespace)},
        {heading: 'NAME', cell: ({ref}) => ref.name},
        {heading: 'BACKEND', cell: ({props}) => textAt(props['backend_bck'], 'name')},
        {heading: 'COPIES', cell: ({props}) => enabledText(props['mirror'], 'copies')},
        {heading: 'EC', cell: ({props}) => ecText(props['ec'])},
        {heading: 'CREATED', cell: ({props}) => createdText(props)},
      ]),
      '',
      ...renderGrid([
        ['Version:', String(version)],
        ['UUID:', uuid],
      ]),
    ],
    json: raw,
  }
}

function namespaceText({uuid, name}: {readonly uuid: string; readonly name: string}): string {
  return uuid === '' && name === '' ? '' : `@${uuid}#${name}`
}

function textAt(section: Json | undefined, key: string): string {
  return isJsonMap(section) ? scalarText(section[key]) : ''
}

function enabledText(section: Json | undefined, key: string): string {
  return textAt(section, 'enabled') === 'true' ? textAt(section, key) : ''
}

function ecText(section: Json | undefined): string {
  const data = enabledText(section, 'data_slices')
  return data === '' ? '' : `${data}, ${textAt(section, 'parity_slices')}`
}

function createdText({created}: JsonMap): string {
  const ns = parseU64(scalarText(created))
  return ns === undefined || ns === 0n ? '' : formatRfc822(ns)
}
