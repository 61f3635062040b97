/**
 * The configuration's URLs, which the primary alone writes. The original and the
 * discovery URL stay as long as each leads to a member of the information center, so that a node's
 * file stays good for as long as possible.
 */

import {endpointUrl} from '../../model/node.ts'
import {informationCenter} from '../../model/information-center.ts'
import type {ConfPart, Smap} from '../../model/record.ts'

/** The part with the URLs that follow from the map; the very same part when they stay. */
export function withUrls(conf: ConfPart, smap: Smap): ConfPart {
  const center = informationCenter(smap).flatMap((id) => {
    const member = smap.nodes[id]
    return member === undefined ? [] : [endpointUrl(member.control)]
  })
  const [primary = ''] = center
  const {urls} = conf
  const original = center.includes(urls.original) ? urls.original : primary
  const discovery = center.includes(urls.discovery)
    ? urls.discovery
    : (center.find((url) => url !== original) ?? original)
  if (urls.primary === primary && urls.original === original && urls.discovery === discovery) {
    return conf
  }
  return {...conf, urls: {...urls, primary, original, discovery}}
}
