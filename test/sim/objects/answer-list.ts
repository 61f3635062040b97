/** A target's page of names, as its intra-data listener gives it. */

import {AisError, refusal} from '../../../src/base/errors.ts'
import {ownSpan} from '../../../src/core/objects/ring.ts'
import type {ClusterView} from '../../../src/model/cluster-view.ts'
import {answerError} from '../../../src/node/http/answer.ts'
import type {TargetObjects} from '../../../src/node/objects/dispatch.ts'
import {readBody} from '../../../src/node/peer/body.ts'
import {encodeLocalPage} from '../../../src/wire/local-page.ts'
import {decodeLocalQuery} from '../../../src/wire/local-query.ts'
import type {Exchange} from './exchange.ts'

const BODY_BYTES_MAX = 64 * 1024

/** What the intra-data listener does with a question for a page. */
export async function answerList(
  objects: TargetObjects,
  view: () => ClusterView | undefined,
  {req, res}: Exchange,
): Promise<void> {
  try {
    const query = decodeLocalQuery((await readBody(req, BODY_BYTES_MAX)).toString('utf8'))
    const record = view()?.record ?? null
    if (record === null || record.index < query.recordIndex) {
      throw new AisError(refusal('STALE_RECORD', 'this target has an older record'))
    }
    const {from, to} = ownSpan(record)
    if (from !== query.own.from || to !== query.own.to) {
      throw new AisError(refusal('STALE_RECORD', 'this target knows other owners'))
    }
    const page = encodeLocalPage(objects.listPage(query))
    res.writeHead(200, [])
    res.end(page)
  } catch (error) {
    answerError(req, res, error, 'target')
  }
}
