/**
 * The voter's answer to one question (R3, R4). It says yes or no; whoever asks this function makes
 * a yes durable before it is heard. Voting never installs a record.
 *
 * In this release one node may stand: the primary that the record names, after its own restart.
 * That its reign is over it proves by asking, so nobody's silence has to be waited for. Candidates
 * from `core/placement/next-primary`, with silence and rank as R4 has them, come with the election
 * proper.
 */

import type {ClusterUuid} from '../../model/ids.ts'
import {isElectable} from '../../model/node.ts'
import type {StoredRecord, VoteRequest} from '../../model/peer-messages.ts'
import type {Voter} from '../../model/record.ts'

/** What a voter goes by. All of it is durable. */
export interface VoterFacts {
  readonly uuid: ClusterUuid | ''
  readonly promisedEpoch: number
  readonly votedFor: Voter | null
  readonly accepted: StoredRecord | null
}

/** Why the answer is no; '' when it is yes. */
export function whyNotGrant(voter: VoterFacts, request: VoteRequest): string {
  if (request.uuid !== voter.uuid) return `this node belongs to cluster ${voter.uuid || '(none)'}`
  return request.founding ? whyNotFound(voter, request) : whyNotElect(voter, request)
}

/**
 * A founding vote is for good: only the same node may try again, and only while there is no record.
 */
function whyNotFound(voter: VoterFacts, request: VoteRequest): string {
  if (voter.accepted !== null) return 'this node has a record of the cluster'
  if (voter.votedFor !== null && voter.votedFor.id !== request.candidate.id) {
    return `this node has voted for ${voter.votedFor.id} to found the cluster`
  }
  return ''
}

function whyNotElect(voter: VoterFacts, request: VoteRequest): string {
  const {accepted, promisedEpoch, votedFor} = voter
  if (accepted === null) return 'this node has no record of the cluster'
  const again =
    votedFor !== null &&
    votedFor.id === request.candidate.id &&
    votedFor.inc === request.candidate.inc
  if (request.epoch < promisedEpoch || (request.epoch === promisedEpoch && !again)) {
    return `this node has promised epoch ${promisedEpoch}`
  }
  const candidate = accepted.record.smap.nodes[request.candidate.id]
  if (candidate === undefined || candidate.inc !== request.candidate.inc) {
    return `${request.candidate.id} is not a member under that incarnation`
  }
  if (!isElectable(candidate)) return `${candidate.id} may not be primary`
  if (accepted.record.smap.primary !== candidate.id) {
    return `${accepted.record.smap.primary} is the primary on record`
  }
  return ''
}
