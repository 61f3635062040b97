/** The bucket that objects of the virtual world lie in, and any other. */

import {GLOBAL_NAMESPACE, type BucketRef} from '../../../src/model/bucket.ts'
import type {BucketName} from '../../../src/model/ids.ts'

/** A bucket of the global namespace. */
export function simBucket(name: string): BucketRef {
  return {name: name as BucketName, provider: 'ais', namespace: GLOBAL_NAMESPACE}
}
