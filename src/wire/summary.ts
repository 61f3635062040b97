/** Bucket summaries as AIStore shows them. */

import type {BucketRef} from '../model/bucket.ts'
import {encodeBucketRef} from './bmd.ts'
import type {JsonMap} from './json.ts'

/** What was counted. Sizes in bytes. */
export interface BucketSummary {
  readonly ref: BucketRef
  readonly objects: number
  readonly totalBytes: number
  readonly minBytes: number
  readonly maxBytes: number
  /** Of all disks under the bucket. */
  readonly diskBytes: number
}

/** One entry of a summary, keys in Go's order. */
export function encodeSummary(summary: BucketSummary): JsonMap {
  const {objects, totalBytes, diskBytes} = summary
  return {
    ...encodeBucketRef(summary.ref),
    ObjCount: {obj_count_present: String(objects), obj_count_remote: '0'},
    ObjSize: {
      obj_min_size: summary.minBytes,
      obj_avg_size: objects === 0 ? 0 : Math.round(totalBytes / objects),
      obj_max_size: summary.maxBytes,
    },
    TotalSize: {
      size_on_disk: String(totalBytes),
      size_all_present_objs: String(totalBytes),
      size_all_remote_objs: '0',
      total_disks_size: String(diskBytes),
    },
    used_pct: diskBytes === 0 ? 0 : Math.floor((totalBytes * 100) / diskBytes),
    is_present: true,
  }
}
