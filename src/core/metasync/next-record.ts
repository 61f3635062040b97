/**
 * From a draft to the record that is proposed: index, parent and the visible version of each part
 * that changed (R7). A version is never used by two epochs: the first change of a part in an epoch
 * leaps over all that an earlier primary may have proposed and not committed.
 */

import {canonicalJson} from '../../base/canonical-json.ts'
import type {Member} from '../../model/node.ts'
import type {StoredRecord} from '../../model/peer-messages.ts'
import type {ClusterRecord, Smap} from '../../model/record.ts'

/** Versions that one epoch may use of a part before the next epoch's begin (AIStore's "+100"). */
const VERSIONS_PER_EPOCH = 100

/**
 * The record that follows `before` with the draft's parts, in this epoch. @param index the next one,
 * but in a recovery
 */
export function nextRecord(
  before: StoredRecord,
  draft: Omit<ClusterRecord, 'format' | 'uuid' | 'epoch' | 'index' | 'parent' | 'level'>,
  epoch: number,
  index = before.record.index + 1,
): ClusterRecord {
  const old = before.record
  return {
    ...old,
    ...draft,
    epoch,
    index,
    parent: before.sha,
    smap: nextSmap(old.smap, draft.smap, epoch),
    bmd: nextPart(old.bmd, draft.bmd, epoch),
    rmd: nextPart(old.rmd, draft.rmd, epoch),
    conf: nextPart(old.conf, draft.conf, epoch),
    tokens: nextPart(old.tokens, draft.tokens, epoch),
  }
}

/** The version of a part that changes in this epoch. */
export function nextVersion(
  part: {readonly version: number; readonly epoch: number},
  epoch: number,
): number {
  return part.epoch === epoch
    ? part.version + 1
    : part.version + VERSIONS_PER_EPOCH * (epoch - part.epoch)
}

function nextPart<Part extends {readonly version: number; readonly epoch: number}>(
  old: Part,
  next: Part,
  epoch: number,
): Part {
  return next === old ? old : {...next, version: nextVersion(old, epoch), epoch}
}

/** An announced absence is no change that clients see: they keep their map (DESIGN: states). */
function nextSmap(old: Smap, next: Smap, epoch: number): Smap {
  if (next === old || visible(old) === visible(next)) {
    return {...next, version: old.version, epoch: old.epoch}
  }
  return nextPart(old, next, epoch)
}

function visible(smap: Smap): string {
  const nodes = Object.values(smap.nodes).map((member: Member) => ({
    ...member,
    away: member.away?.kind === 'lost',
  }))
  return canonicalJson({primary: smap.primary, nodes})
}
