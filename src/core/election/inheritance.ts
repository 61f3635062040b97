/**
 * The vote that lies in storing a record which hands an office over (R16): for its heir, in the
 * epoch after it, in the same write.
 */

import type {StoredRecord} from '../../model/peer-messages.ts'
import type {Voter} from '../../model/record.ts'

/** What is promised beside storing this record; nothing for a record without an heir. */
export function inheritance(
  durable: {readonly promisedEpoch: number},
  stored: StoredRecord,
): {readonly promisedEpoch: number; readonly votedFor: Voter} | Readonly<Record<never, never>> {
  const {epoch, heir} = stored.record
  if (heir === null || epoch < durable.promisedEpoch) return {}
  return {promisedEpoch: epoch + 1, votedFor: heir}
}
