/** The protocols as functions: who counts, who wins, what is accepted, drafted, let in, settled. */

import t from 'tap'
import {stepElection} from '../../src/core/election/step.ts'
import {standing, type Election, type Grant} from '../../src/core/election/state.ts'
import type {PrimaryWatch} from '../../src/core/election/patience.ts'
import {judgeVote, type VoterFacts} from '../../src/core/election/voter.ts'
import {majoritySince} from '../../src/core/keepalive/majority.ts'
import {newPeer, type Peer} from '../../src/core/keepalive/state.ts'
import {
  activeCount,
  brake,
  suspicionAfter,
  suspicionAt,
} from '../../src/core/keepalive/suspicion.ts'
import {
  applyMemberChange,
  withoutMembers,
  type MemberChange,
} from '../../src/core/membership/changes.ts'
import {
  discoveryFrom,
  nextRound,
  placesToAsk,
  placeToJoin,
} from '../../src/core/membership/discovery.ts'
import {founding, stepFounding} from '../../src/core/membership/founding.ts'
import {judgeJoin} from '../../src/core/membership/join.ts'
import {isNamed, judgeRecord} from '../../src/core/metasync/acceptor.ts'
import {nextRecord, nextVersion} from '../../src/core/metasync/next-record.ts'
import {clearedUpTo, destroyedBuckets, withoutCleared} from '../../src/core/metasync/destroyed.ts'
import {applyCommand} from '../../src/core/metasync/metadata.ts'
import {METASYNC_IDLE} from '../../src/core/metasync/state.ts'
import {stepMetasync} from '../../src/core/metasync/step.ts'
import {withUrls} from '../../src/core/metasync/urls.ts'
import {answerSent, leaseFromBeat, leaseToGive, NO_LEASE} from '../../src/core/ownership/lease.ts'
import {activeTargets, nextOwn} from '../../src/core/ownership/own.ts'
import {settledIndex} from '../../src/core/ownership/settlement.ts'
import {
  candidatesOf,
  highestWeight,
  objectDigest,
  rankByWeight,
} from '../../src/core/placement/locate.ts'
import {succession} from '../../src/core/placement/next-primary.ts'
import {canonicalJson} from '../../src/base/canonical-json.ts'
import type {Refusal} from '../../src/base/errors.ts'
import {formatRfc3339, formatUtc} from '../../src/base/utc.ts'
import {isRefusal, type BucketName, type ClusterUuid, type NodeId} from '../../src/model/ids.ts'
import {GLOBAL_NAMESPACE, type BucketRef} from '../../src/model/bucket.ts'
import {informationCenter} from '../../src/model/information-center.ts'
import {DESTROYED_BUCKETS_MAX, MEMBERS_MAX, OWN_ENTRIES_MAX} from '../../src/model/limits.ts'
import {NODE_FLAG, type Member} from '../../src/model/node.ts'
import type {
  BeatRequest,
  JoinRequest,
  StoredRecord,
  VoteRequest,
} from '../../src/model/peer-messages.ts'
import {
  isQuorum,
  isRecordQuorum,
  previousVoters,
  voterKey,
  votersOf,
} from '../../src/model/quorum.ts'
import {
  POSITION_NONE,
  type ClusterRecord,
  type OwnEntry,
  type Smap,
} from '../../src/model/record.ts'
import {timersOf} from '../../src/model/timers.ts'

const UUID = 'cluster-uuid-1' as ClusterUuid
const id = (name: string): NodeId => `${name}-000001` as NodeId
const [P1, P2, P3, T1, T2, T3] = ['p1', 'p2', 'p3', 't1', 't2', 't3'].map(id) as unknown as [
  NodeId,
  NodeId,
  NodeId,
  NodeId,
  NodeId,
  NodeId,
]

function member(of: NodeId, more: Partial<Member> = {}): Member {
  const port = 1000 + [P1, P2, P3, T1, T2, T3].indexOf(of) * 10
  return {
    id: of,
    role: of.startsWith('p') ? 'proxy' : 'target',
    public: {host: 'h', port},
    control: {host: 'h', port: port + 1},
    data: {host: 'h', port: port + 2},
    flags: 0,
    inc: 1,
    learner: false,
    away: null,
    speaks: [1, 1],
    ...more,
  }
}

function smapOf(...members: Member[]): Smap {
  const nodes = Object.fromEntries(members.map((one) => [one.id, one]))
  return {version: 1, epoch: 1, created: '', primary: P1, nodes}
}

function recordOf(smap: Smap, more: Partial<ClusterRecord> = {}): ClusterRecord {
  return {
    format: 1,
    uuid: UUID,
    epoch: 1,
    index: 1,
    parent: '',
    pv: null,
    level: 1,
    smap,
    bmd: {version: 1, epoch: 1, serial: 0, buckets: {}},
    rmd: {version: 0, epoch: 1, targetIds: []},
    conf: {
      version: 1,
      epoch: 1,
      updated: '',
      set: {},
      urls: {primary: '', original: '', discovery: ''},
    },
    tokens: {version: 0, epoch: 1, revoked: []},
    own: [{index: 1, targets: []}],
    op: null,
    move: null,
    heir: null,
    elections: [],
    rebalances: [],
    ...more,
  }
}

function stored(record: ClusterRecord): StoredRecord {
  return {record, text: canonicalJson(record), sha: `sha ${record.epoch}.${record.index}`}
}

const keys = (...of: NodeId[]): ReadonlySet<string> =>
  new Set(of.map((one) => voterKey({id: one, inc: 1})))
const three = smapOf(member(P1), member(P2), member(T1))

t.test('a quorum is a majority of those who are configured, never of those who answer', (t) => {
  t.ok(isQuorum(votersOf(three), keys(P1, T1)))
  t.notOk(isQuorum(votersOf(three), keys(P1)))
  t.notOk(
    isQuorum(votersOf(three), new Set([voterKey({id: P1, inc: 1}), voterKey({id: T1, inc: 2})])),
  )
  const withLearner = smapOf(member(P1), member(P2), member(T1, {learner: true}))
  t.notOk(isQuorum(votersOf(withLearner), keys(P1, T1)), 'a learner does not count')
  const leaving = smapOf(member(P1), member(P2), member(T1, {flags: NODE_FLAG.maintenance}))
  t.notOk(isQuorum(votersOf(leaving), keys(P1, T1)), 'nor does a node in maintenance')
  t.end()
})

t.test('where one node alone may propose, that node is the quorum', (t) => {
  const sole = votersOf(smapOf(member(P1), member(T1), member(T2)))
  t.ok(isQuorum(sole, keys(P1)))
  t.notOk(isQuorum(sole, keys(T1, T2)))
  t.end()
})

t.test('previous voters are named when two quorums might not meet', (t) => {
  const four = smapOf(member(P1), member(P2), member(T1), member(T2))
  t.equal(previousVoters(three, four), null, 'one voter more')
  const five = smapOf(member(P1), member(P2), member(T1), member(T2), member(T3))
  t.equal(previousVoters(three, five)?.length, 3, 'two voters more')
  const renewed = smapOf(member(P1), member(P2), member(T1, {inc: 2}))
  t.ok(previousVoters(three, renewed), 'another incarnation is two changes')
  const sole = smapOf(member(P1))
  t.ok(previousVoters(sole, smapOf(member(P1), member(P2))), 'into the rule of the sole proposer')
  t.ok(previousVoters(smapOf(member(P1), member(P2)), sole), 'and out of it')
  t.end()
})

t.test('a joint record needs a quorum of both, unless it is known committed', (t) => {
  const pv = votersOf(smapOf(member(P1), member(P2), member(P3)))
  const joint = recordOf(smapOf(member(P1), member(P2), member(T1), member(T2), member(T3)), {pv})
  t.notOk(isRecordQuorum(joint, keys(P1, T1, T2)))
  t.ok(isRecordQuorum(joint, keys(P1, P2, T1)))
  t.ok(isRecordQuorum(joint, keys(P1, T1, T2), true))
  t.end()
})

function grantOf(of: NodeId, record: ClusterRecord, committed = POSITION_NONE): Grant {
  return {voter: {id: of, inc: 1}, accepted: stored(record), committed}
}

t.test('a candidate asks first, stores its vote, asks again, and adopts the newest record', (t) => {
  const own = recordOf(three)
  const begun = stepElection(standing(grantOf(P1, own), 1), {type: 'begun'})
  t.strictSame(begun.orders, [{type: 'ask'}])
  t.equal(begun.election.epoch, 2)
  const grant = grantOf(T1, own)
  const pre = stepElection(begun.election, {type: 'granted', epoch: 2, pre: true, grant})
  t.strictSame(pre.orders, [{type: 'store-ballot', epoch: 2}])
  const late = stepElection(pre.election, {type: 'granted', epoch: 2, pre: true, grant})
  t.strictSame(late.orders, [], 'what comes late changes nothing')
  t.strictSame(stepElection(pre.election, {type: 'stored', epoch: 9}).orders, [])
  const ballot = stepElection(pre.election, {type: 'stored', epoch: 2})
  t.strictSame(ballot.orders, [{type: 'ask'}])
  const newer = recordOf(three, {index: 2})
  const old = stepElection(ballot.election, {type: 'granted', epoch: 2, pre: true, grant})
  t.strictSame(old.orders, [], 'a yes to the pre-vote is no vote')
  const won = stepElection(ballot.election, {
    type: 'granted',
    epoch: 2,
    pre: false,
    grant: grantOf(T1, newer, {epoch: 1, index: 2}),
  })
  t.match(won.orders, [{type: 'elected', epoch: 2, known: true, adopt: {record: {index: 2}}}])
  t.end()
})

t.test('a candidate begins again above an epoch that it hears of', (t) => {
  const begun = standing(grantOf(P1, recordOf(three)), 1)
  const outbid = stepElection(begun, {type: 'outbid', promisedEpoch: 7})
  t.equal(outbid.election.epoch, 8)
  t.equal(stepElection(begun, {type: 'outbid', promisedEpoch: 1}).election, begun)
  const seen = stepElection(begun, {
    type: 'granted',
    epoch: 2,
    pre: true,
    grant: grantOf(T1, recordOf(three, {epoch: 4})),
  })
  t.equal(seen.election.epoch, 5, 'a voter that has accepted that epoch has seen another primary')
  t.end()
})

t.test(
  'a candidate that the newest record does not know, or not as electable, does not win',
  (t) => {
    const without = recordOf(smapOf(member(P2), member(T1), member(T2)), {index: 5})
    const begun: Election = standing(grantOf(P1, recordOf(three)), 1)
    const grant = grantOf(T1, without)
    t.strictSame(stepElection(begun, {type: 'granted', epoch: 2, pre: true, grant}).orders, [])
    t.end()
  },
)

t.test('a cluster of one elects itself by its own vote, after storing it', (t) => {
  const alone = recordOf(smapOf(member(P1)))
  const begun = stepElection(standing(grantOf(P1, alone), 3), {type: 'begun'})
  t.strictSame(begun.orders, [{type: 'store-ballot', epoch: 4}])
  t.strictSame(stepElection(begun.election, {type: 'begun'}).orders, [])
  const {orders} = stepElection(begun.election, {type: 'stored', epoch: 4})
  t.match(orders, [{type: 'elected', epoch: 4}])
  t.equal(
    stepElection(begun.election, {type: 'outbid', promisedEpoch: 9}).election.phase,
    'storing',
  )
  t.end()
})

/** A primary was heard just now. */
const calmWatch: PrimaryWatch = {
  nowMs: 10_000,
  quietSinceMs: 9_500,
  evidence: null,
  granted: null,
  timers: timersOf({}),
}

t.test('a voter promises an epoch once, and first to the primary on record after a start', (t) => {
  const voter: VoterFacts = {
    uuid: UUID,
    promisedEpoch: 3,
    votedFor: null,
    accepted: stored(recordOf(three)),
    amnesia: false,
    followed: null,
    watch: calmWatch,
  }
  const reasonOf = (facts: VoterFacts, request: VoteRequest): string =>
    judgeVote(facts, request).reason
  const vote: VoteRequest = {
    type: 'vote',
    uuid: UUID,
    epoch: 4,
    candidate: {id: P1, inc: 1},
    pre: false,
    founding: false,
    led: 0,
    forced: false,
    holds: null,
  }
  t.equal(reasonOf(voter, vote), '')
  t.match(reasonOf(voter, {...vote, epoch: 3}), 'has promised epoch 3')
  t.equal(reasonOf({...voter, votedFor: vote.candidate}, {...vote, epoch: 3}), '', 'the same again')
  t.match(reasonOf({...voter, votedFor: {id: P2, inc: 1}}, {...vote, epoch: 3}), 'has promised')
  t.match(reasonOf(voter, {...vote, uuid: 'other-uuid-1' as ClusterUuid}), 'belongs to')
  t.match(reasonOf({...voter, uuid: ''}, vote), '(none)')
  t.match(reasonOf({...voter, accepted: null}, vote), 'no record')
  t.match(reasonOf(voter, {...vote, candidate: {id: P1, inc: 2}}), 'incarnation')
  t.match(reasonOf(voter, {...vote, candidate: {id: T1, inc: 1}}), 'may not be primary')
  t.match(reasonOf(voter, {...vote, candidate: {id: P2, inc: 1}}), 'was heard')
  const holds = {position: {epoch: 2, index: 9}, sha: 'x'}
  const promoted = {...vote, candidate: {id: P1, inc: 2}, holds}
  const heard = {...voter, followed: {id: P1, epoch: 1}}
  t.match(reasonOf(heard, promoted), 'was heard', 'a newer record may have made it a voter')
  const quiet = {...voter, watch: {...calmWatch, quietSinceMs: 0}}
  t.equal(reasonOf({...quiet, followed: {id: P1, epoch: 1}}, promoted), '')
  const found = {...vote, founding: true}
  t.match(reasonOf(voter, found), 'has a record')
  const blank = {...voter, accepted: null, promisedEpoch: 0}
  t.equal(reasonOf(blank, found), '')
  t.match(reasonOf({...blank, votedFor: {id: P2, inc: 1}}, found), 'to found the cluster')
  t.end()
})

t.test('an acceptor takes what is newer, addressed to it and not below its promise', (t) => {
  const held = stored(recordOf(three, {epoch: 2, index: 5}))
  const acceptor = {id: T1, uuid: UUID, inc: 1, promisedEpoch: 2, accepted: held, levelMax: 1}
  const offer = (more: Partial<ClusterRecord>): StoredRecord =>
    stored(recordOf(three, {epoch: 2, index: 6, ...more}))
  t.strictSame(judgeRecord(acceptor, offer({})), {type: 'accept'})
  t.strictSame(judgeRecord(acceptor, held), {type: 'held'})
  t.match(judgeRecord(acceptor, {...held, sha: 'other'}), {type: 'refuse', alarm: 'fork'})
  t.match(judgeRecord(acceptor, offer({index: 4})), {reason: /newer/, alarm: 'none'})
  t.match(judgeRecord(acceptor, offer({epoch: 1, index: 9})), {reason: /promised epoch 2/})
  t.match(judgeRecord(acceptor, offer({level: 2})), {alarm: 'level'})
  t.match(judgeRecord(acceptor, offer({uuid: 'other-uuid-1' as ClusterUuid})), {
    reason: /belongs to/,
  })
  t.match(judgeRecord({...acceptor, inc: 0}, offer({})), {reason: /not joined/})
  t.match(judgeRecord({...acceptor, inc: 2}, offer({})), {reason: /incarnation 1, it is 2/})
  t.match(judgeRecord({...acceptor, id: T3}, offer({})), {reason: /not in that record/})
  t.strictSame(judgeRecord({...acceptor, accepted: null}, offer({})), {type: 'accept'})
  t.ok(isNamed(held, {epoch: 2, index: 5}, held.sha))
  t.notOk(isNamed(held, {epoch: 2, index: 4}, null), 'exactly that record, never a newer one')
  t.notOk(isNamed(held, {epoch: 2, index: 5}, 'other'))
  t.notOk(isNamed(null, POSITION_NONE, null))
  t.end()
})

t.test(
  'a proposal is heard of after the own copy, and answered after the commit is durable',
  (t) => {
    const proposal = stored(recordOf(three, {epoch: 2, index: 2}))
    const raw = {...proposal, sha: ''}
    const self = {id: P1, inc: 1}
    const storing = stepMetasync(METASYNC_IDLE, {type: 'proposed', proposal: raw})
    t.match(storing.orders, [{type: 'store'}])
    t.throws(
      () => stepMetasync(storing.metasync, {type: 'proposed', proposal: raw}),
      /one proposal/,
    )
    const early = stepMetasync(storing.metasync, {
      type: 'acknowledged',
      voter: {id: P2, inc: 1},
      position: proposal.record,
    })
    t.equal(early.metasync, storing.metasync)
    const prepared = stepMetasync(storing.metasync, {type: 'stored', proposal, self})
    t.match(prepared.orders, [{type: 'prepare'}])
    const wrong = stepMetasync(prepared.metasync, {
      type: 'acknowledged',
      voter: {id: P2, inc: 1},
      position: {epoch: 2, index: 1},
    })
    t.equal(wrong.metasync, prepared.metasync)
    const again = stepMetasync(prepared.metasync, {
      type: 'acknowledged',
      voter: self,
      position: proposal.record,
    })
    t.equal(again.metasync, prepared.metasync, 'the own copy counts once')
    const sealing = stepMetasync(prepared.metasync, {
      type: 'acknowledged',
      voter: {id: T1, inc: 1},
      position: proposal.record,
    })
    t.match(sealing.orders, [{type: 'seal'}])
    t.equal(
      stepMetasync(sealing.metasync, {type: 'stored', proposal, self}).metasync,
      sealing.metasync,
    )
    t.equal(
      stepMetasync(prepared.metasync, {type: 'sealed', position: proposal.record}).orders.length,
      0,
    )
    const done = stepMetasync(sealing.metasync, {type: 'sealed', position: proposal.record})
    t.match(done, {metasync: {phase: 'idle'}, orders: [{type: 'committed'}]})
    t.end()
  },
)

t.test('a version leaps over all that an earlier epoch may have proposed', (t) => {
  t.equal(nextVersion({version: 7, epoch: 3}, 3), 8)
  t.equal(nextVersion({version: 7, epoch: 3}, 5), 207)
  const before = stored(recordOf(three))
  const absent = smapOf(member(P1), member(P2), member(T1, {away: {kind: 'absent', sinceMs: 1}}))
  const lost = smapOf(member(P1), member(P2), member(T1, {away: {kind: 'lost', sinceMs: 1}}))
  const draft = (smap: Smap): ClusterRecord => nextRecord(before, {...before.record, smap}, 2)
  t.equal(draft(absent).smap.version, 1, 'clients do not see an announced absence')
  t.equal(draft(lost).smap.version, 101)
  t.match(draft(lost), {epoch: 2, index: 2, parent: before.sha, bmd: {version: 1}})
  t.end()
})

const ref: BucketRef = {name: 'photos' as BucketName, provider: 'ais', namespace: GLOBAL_NAMESPACE}
const at = {index: 9, wallMs: 1_790_000_000_000}

t.test('a bucket is made once, altered, and marked destroyed, never dropped', (t) => {
  const empty = recordOf(three)
  const create = {type: 'create-bucket' as const, ref, set: {a: 1}, durability: 'default' as const}
  const made = applyCommand(empty, create, at)
  if (isRefusal(made)) return t.fail(made.message)
  t.match(made.bucket, {bid: '9223372036854775809', createdNs: '1790000000000000000'})
  t.match(applyCommand(made, create, at), {code: 'BUCKET_EXISTS'})
  t.match(applyCommand(empty, {...create, ref: {...ref, provider: 'aws'}}, at), {
    code: 'UNSUPPORTED',
  })
  const set = {type: 'set-bucket-props' as const, ref, set: {b: 2}, durability: null, reset: false}
  t.match(applyCommand(made, set, at), {bucket: {set: {a: 1, b: 2}, durability: 'default'}})
  const reset = applyCommand(made, {...set, reset: true, durability: 'relaxed'}, at)
  t.strictSame(isRefusal(reset) ? null : reset.bucket?.set, {b: 2})
  t.match(applyCommand(empty, set, at), {code: 'BUCKET_NOT_FOUND'})
  const destroyed = applyCommand(made, {type: 'destroy-bucket', ref}, at)
  if (isRefusal(destroyed)) return t.fail(destroyed.message)
  t.strictSame(Object.keys(destroyed.bmd.buckets), ['~9223372036854775809'])
  t.equal(destroyed.bucket?.deletedAt, 9)
  t.match(applyCommand(destroyed, {type: 'destroy-bucket', ref}, at), {code: 'BUCKET_NOT_FOUND'})
  const again = applyCommand(destroyed, create, at)
  t.match(
    isRefusal(again) ? null : again.bucket?.bid,
    '9223372036854775810',
    'a number is never used twice',
  )
  return t.end()
})

t.test('a destroyed bucket is forgotten when no target has anything of it', (t) => {
  let draft: Pick<ClusterRecord, 'bmd' | 'conf'> = recordOf(three)
  for (let index = 1; index <= DESTROYED_BUCKETS_MAX; index++) {
    const create = {type: 'create-bucket' as const, ref, set: {}, durability: 'default' as const}
    const made = applyCommand(draft, create, {...at, index})
    if (isRefusal(made)) return t.fail(made.message)
    const command = {type: 'destroy-bucket' as const, ref, purge: index === 1}
    const destroyed = applyCommand(made, command, {...at, index})
    if (isRefusal(destroyed)) return t.fail(destroyed.message)
    draft = destroyed
  }
  const {smap} = recordOf(three)
  const {bmd} = draft
  const marks = destroyedBuckets(bmd)
  t.equal(marks.length, DESTROYED_BUCKETS_MAX)
  t.match(marks[0], {deletedAt: 1, purge: true})
  t.notOk('purge' in (marks[1] ?? {}))
  const create = {type: 'create-bucket' as const, ref, set: {}, durability: 'default' as const}
  const more = applyCommand(draft, create, at)
  if (isRefusal(more)) return t.fail(more.message)
  t.match(applyCommand(more, {type: 'destroy-bucket', ref}, at), {code: 'BUSY'}, 'none is dropped')
  const targets = Object.values(smap.nodes).filter(({role}) => role === 'target')
  t.ok(targets.length > 0)
  t.equal(
    clearedUpTo({smap, bmd}, () => undefined),
    undefined,
    'one has not said',
  )
  const said = (id: NodeId): number => (id === targets[0]?.id ? 7 : 12)
  t.equal(clearedUpTo({smap, bmd}, said), targets.length > 1 ? 7 : 7)
  t.equal(destroyedBuckets(withoutCleared(bmd, 7))[0]?.deletedAt, 8)
  const none = withoutCleared(bmd, DESTROYED_BUCKETS_MAX)
  t.strictSame(destroyedBuckets(none), [])
  t.equal(withoutCleared(none, 9), none)
  t.equal(clearedUpTo({smap, bmd: none}, said), undefined)
  return t.end()
})

t.test('a bucket says on how many mountpaths its objects lie, and since when', (t) => {
  const set = {'mirror.enabled': true, 'mirror.copies': 2}
  const create = {type: 'create-bucket' as const, ref, set, durability: 'default' as const}
  const made = applyCommand(recordOf(three), create, at)
  if (isRefusal(made)) return t.fail(made.message)
  t.notOk('copiesAt' in (made.bucket ?? {}), 'it has no objects yet')
  const change = {type: 'set-bucket-props' as const, ref, durability: null, reset: false}
  const more = applyCommand(made, {...change, set: {'mirror.copies': 3}}, at)
  t.match(isRefusal(more) ? null : more.bucket, {copiesAt: 9})
  const other = applyCommand(made, {...change, set: {'checksum.type': 'md5'}}, at)
  t.notOk(isRefusal(other) || 'copiesAt' in (other.bucket ?? {}))
  const message = 'invalid mirror.copies: 1 (expected value in range [2, 32])'
  t.match(applyCommand(made, {...change, set: {'mirror.copies': 1}}, at), {
    code: 'BAD_CONFIG',
    message,
  })
  const off = {'mirror.enabled': false, 'mirror.copies': 1}
  t.match(applyCommand(made, {...change, set: off}, at), {bucket: {copiesAt: 9}})
  const bad = {...create, set: {...set, 'mirror.copies': 33}}
  t.match(applyCommand(recordOf(three), bad, at), {code: 'BAD_CONFIG'})
  return t.end()
})

t.test('settings are merged or replaced, and dated', (t) => {
  const draft = recordOf(three)
  const set = applyCommand(draft, {type: 'set-config', set: {x: 1}, reset: false}, at)
  t.match(set, {conf: {set: {x: 1}, updated: '2026-09-21T14:13:20Z'}})
  t.equal(formatUtc(at.wallMs), '2026-09-21 14:13:20')
  t.equal(formatRfc3339(951_782_400_000), '2000-02-29T00:00:00Z')
  t.equal(formatUtc(-1), '1969-12-31 23:59:59')
  t.end()
})

t.test('URLs stay while they lead to the information center', (t) => {
  const conf = withUrls(recordOf(three).conf, three)
  t.strictSame(conf.urls, {
    primary: 'http://h:1001',
    original: 'http://h:1001',
    discovery: 'http://h:1011',
  })
  t.equal(withUrls(conf, three), conf)
  const alone = withUrls(conf, smapOf(member(P1)))
  t.equal(alone.urls.discovery, 'http://h:1001')
  t.strictSame(informationCenter(smapOf(member(P1), member(P3), member(P2))), [P1, P2, P3])
  t.end()
})

const T9 = 'tnode0009' as NodeId

const changed = (smap: Smap, change: MemberChange): Smap | Refusal =>
  applyMemberChange(smap, change, 9)

t.test('a change of the map does what it says, once', (t) => {
  const learner = smapOf(member(P1), member(T1, {learner: true}))
  const promoted = changed(learner, {type: 'promote', id: T1, inc: 1})
  t.match(promoted, {nodes: {[T1]: {learner: false}}})
  t.equal(changed(learner, {type: 'promote', id: T1, inc: 2}), learner)
  t.equal(changed(learner, {type: 'promote', id: T2, inc: 1}), learner)
  const absent = changed(three, {type: 'mark-absent', id: T1, sinceMs: 5})
  t.match(absent, {nodes: {[T1]: {away: {kind: 'absent'}}}})
  if (isRefusal(absent)) return t.fail(absent.message)
  t.equal(changed(absent, {type: 'mark-absent', id: T1, sinceMs: 6}), absent)
  const lost = changed(absent, {type: 'mark-lost', id: T1, sinceMs: 7})
  t.match(lost, {nodes: {[T1]: {away: {kind: 'lost', sinceMs: 7}}}})
  if (isRefusal(lost)) return t.fail(lost.message)
  t.equal(changed(lost, {type: 'mark-lost', id: T1, sinceMs: 8}), lost)
  t.match(changed(lost, {type: 'mark-active', id: T1}), {nodes: {[T1]: {away: null}}})
  t.equal(changed(three, {type: 'mark-active', id: T1}), three)
  const moved = member(T1, {control: {host: 'x', port: 9}, away: null})
  t.match(changed(lost, {type: 'describe', member: moved}), {
    nodes: {[T1]: {control: {host: 'x'}, away: {kind: 'lost'}}},
  })
  t.equal(changed(lost, {type: 'describe', member: {...moved, inc: 4}}), lost)
  t.match(changed(three, {type: 'admit', member: member(P1, {inc: 2})}), {
    code: 'REFUSED',
  })
  const many = Array.from({length: MEMBERS_MAX}, (_, n) => member(`n${n}-00000` as NodeId))
  t.match(changed(smapOf(...many), {type: 'admit', member: member(T1)}), {
    code: 'REFUSED',
  })
  const fresh = changed(three, {type: 'admit', member: member(T9, {inc: 1})})
  t.match(fresh, {nodes: {[T9]: {inc: 1, since: 9}}}, 'whoever was none is one from this record on')
  const left = withoutMembers(smapOf(member(P1), member(T1, {inc: 4})), [T1])
  t.match(left, {nodes: {[T1]: undefined}, removedInc: 4})
  const wiped = changed(left, {type: 'admit', member: member(T1, {inc: 1})})
  t.match(wiped, {nodes: {[T1]: {inc: 5}}}, 'no incarnation is given twice, whoever forgot it')
  t.equal(withoutMembers({...left, removedInc: 9}, [T1]).removedInc, 9)
  const again = changed(three, {type: 'admit', member: member(T1, {inc: 2})})
  t.match(again, {nodes: {[T1]: {inc: 2, since: undefined}}}, 'who was one stays one')
  return t.end()
})

function joinOf(of: Member, more: Partial<JoinRequest> = {}): JoinRequest {
  return {type: 'join', member: of, uuid: UUID, by: 'self', hasState: true, run: 1, ...more}
}

t.test('a node comes in as a learner, comes back as it was, or is refused with the reason', (t) => {
  const record = recordOf(three)
  const fresh = joinOf(member(T2, {inc: 0}), {hasState: false})
  t.match(judgeJoin(record, fresh, false), {
    change: {type: 'admit', member: {inc: 1, learner: true}},
  })
  t.strictSame(judgeJoin(record, joinOf(member(T1)), true), {type: 'known'})
  const wiped = joinOf(member(T1, {inc: 0}), {hasState: false})
  t.match(judgeJoin(record, wiped, false), {change: {member: {inc: 2, learner: true}}})
  t.match(judgeJoin(record, wiped, true), {refusal: {code: 'NOT_READY'}}, 'a late question')
  t.match(judgeJoin(record, joinOf(member(T1, {inc: 3})), false), {change: {member: {inc: 4}}})
  const moved = member(T1, {control: {host: 'x', port: 9}})
  t.match(judgeJoin(record, joinOf(moved), false), {change: {type: 'describe'}})
  t.match(judgeJoin(record, joinOf(moved), true), {refusal: {code: 'DUPLICATE_NODE'}})
  t.match(judgeJoin(record, joinOf(member(T1), {uuid: 'other-uuid-1' as ClusterUuid}), false), {
    refusal: {code: 'WRONG_CLUSTER'},
  })
  t.match(judgeJoin(record, joinOf(member(T1, {speaks: [2, 3]})), false), {
    refusal: {code: 'INCOMPATIBLE'},
  })
  t.match(judgeJoin(record, joinOf(member(T1, {role: 'proxy'})), false), {
    refusal: {message: /taken by t\[/},
  })
  const squatter = member(T2, {data: member(P2).data})
  t.match(judgeJoin(record, joinOf(squatter), false), {refusal: {message: /h:1012 is that of p\[/}})
  const shy = member(P2, {flags: NODE_FLAG.nonElectable})
  t.match(judgeJoin(record, joinOf(shy, {by: 'admin'}), false), {
    change: {member: {flags: NODE_FLAG.nonElectable}},
  })
  t.end()
})

t.test('a founder needs the votes of a majority of the configured nodes, twice', (t) => {
  const begun = stepFounding(founding(2), {type: 'begun'})
  t.strictSame(begun.orders, [{type: 'ask'}])
  const yes = {type: 'granted' as const, pre: true, id: P2}
  const asked = stepFounding(begun.founding, yes)
  t.strictSame(asked.orders, [{type: 'store-ballot'}])
  t.strictSame(stepFounding(asked.founding, yes).orders, [])
  const voting = stepFounding(asked.founding, {type: 'stored'})
  t.strictSame(voting.orders, [{type: 'ask'}])
  t.strictSame(stepFounding(voting.founding, {type: 'stored'}).orders, [])
  t.strictSame(stepFounding(voting.founding, yes).orders, [], 'a pre-vote is no vote')
  const won = stepFounding(voting.founding, {...yes, pre: false})
  t.strictSame(won.orders, [{type: 'found'}])
  t.strictSame(stepFounding(founding(0), {type: 'begun'}).orders, [{type: 'store-ballot'}])
  t.end()
})

t.test('a node without a primary asks everywhere it knows of, ever less often', (t) => {
  const self = member(T1)
  const places = placesToAsk(self, three, [{host: 'x', port: 1}, self.control, member(P1).control])
  t.strictSame(
    places.map(({port}) => port),
    [1001, 1011, 1],
  )
  t.strictSame(placesToAsk(self, null, []), [])
  t.strictSame(placeToJoin(T1, three, null), member(P1).control)
  t.equal(placeToJoin(P1, three, null), null)
  t.equal(placeToJoin(T1, null, null), null)
  t.strictSame(placeToJoin(T1, three, {host: 'x', port: 1}), {host: 'x', port: 1})
  const first = discoveryFrom(50, null)
  const second = nextRound(first, 50)
  t.equal(second.nextAtMs, 150)
  t.ok(nextRound(second, 150).nextAtMs > 250)
  t.end()
})

t.test('a majority is as old as the answer that completes it', (t) => {
  const contacts = [
    {voter: {id: P2, inc: 1}, contactMs: 10},
    {voter: {id: T1, inc: 1}, contactMs: 30},
  ]
  const self = {id: P1, inc: 1}
  t.equal(majoritySince(recordOf(three), self, contacts, 99), 30)
  t.equal(majoritySince(recordOf(three), self, [], 99), -Infinity)
  t.equal(majoritySince(recordOf(smapOf(member(P1), member(T1))), self, [], 99), 99)
  t.end()
})

t.test('a silent member is called lost when nobody reaches it', (t) => {
  const peer = (more: Partial<Peer> = {}): Peer => ({...newPeer(T1, 0), ...more})
  const facts = {peer: peer(), nowMs: 4999, suspectMs: 5000, helpers: () => [P2, T2]}
  t.equal(suspicionAt(facts).phase, 'none')
  const checking = suspicionAt({...facts, nowMs: 5000})
  t.strictSame(checking, {phase: 'checking', asked: [P2, T2], unreachable: []})
  t.equal(suspicionAt({...facts, peer: peer({suspicion: checking}), nowMs: 9000}), checking)
  t.equal(suspicionAfter(checking, P2, true, 1).phase, 'none', 'one who reaches it is enough')
  const half = suspicionAfter(checking, P2, false, 1)
  t.equal(suspicionAfter(half, T2, false, 1).phase, 'confirmed')
  t.equal(suspicionAfter(half, T2, undefined, 1).phase, 'confirmed', 'the silent have no say')
  const nobody = suspicionAfter(suspicionAfter(checking, P2, undefined, 1), T2, undefined, 1)
  t.strictSame(nobody, {phase: 'none', notBeforeMs: 1})
  t.equal(suspicionAfter(checking, P3, false, 1), checking)
  const alone = {...facts, helpers: () => []}
  t.equal(suspicionAt({...alone, nowMs: 5000}).phase, 'none', 'without help it takes longer')
  t.equal(suspicionAt({...alone, nowMs: 10_000}).phase, 'confirmed')
  t.end()
})

t.test('brakes hold back what looks like a sick primary', (t) => {
  const six = smapOf(member(P1), member(P2), member(P3), member(T1), member(T2), member(T3))
  const facts = {
    record: recordOf(six),
    member: member(T1),
    activeBefore: 6,
    nowMs: 100_000,
    settledIndex: 1,
    lastTargetLostMs: -Infinity,
    settleMs: 30_000,
  }
  t.equal(brake(facts), '')
  t.match(brake({...facts, activeBefore: 9}), 'the floor is 6 of 9')
  t.match(brake({...facts, lastTargetLostMs: 90_000}), 'another target was marked lost 10 s ago')
  t.match(brake({...facts, settledIndex: 0}), 'has not settled yet')
  t.equal(brake({...facts, member: member(P2), lastTargetLostMs: 90_000}), '')
  t.equal(activeCount(recordOf(smapOf(member(P1), member(T1, {learner: true})))), 1)
  t.end()
})

t.test('a change of active targets appends to own, and long lists fold', (t) => {
  const smap = smapOf(
    member(P1),
    member(T2),
    member(T1),
    member(T3, {away: {kind: 'lost', sinceMs: 0}}),
  )
  t.strictSame(activeTargets(smap), [T1, T2])
  const draft = recordOf(smap)
  t.strictSame(
    nextOwn(draft, 7),
    [{index: 7, targets: [T1, T2]}],
    'one entry while there was no bucket',
  )
  const used = {...draft, bmd: {...draft.bmd, serial: 1}}
  const grown = nextOwn(used, 7)
  t.equal(grown.length, 2)
  t.equal(nextOwn({...used, own: grown}, 8), grown, 'the same targets are no change')
  const full: OwnEntry[] = Array.from({length: OWN_ENTRIES_MAX}, (_, n) => ({
    index: n + 1,
    targets: n % 2 === 0 ? [T1] : [T2],
  }))
  const folded = nextOwn({...used, own: full}, 99)
  t.equal(folded.length, OWN_ENTRIES_MAX)
  t.strictSame(folded[0], {index: 2, targets: [T2], merged: [[T1]]})
  const twice = nextOwn({...used, own: [...folded.slice(0, -1), {index: 98, targets: [T3]}]}, 100)
  t.strictSame(twice.length, OWN_ENTRIES_MAX)
  t.end()
})

t.test('a lease counts from the answer that the beat echoes, for that run and that record', (t) => {
  const beat: BeatRequest = {
    type: 'beat',
    uuid: UUID,
    epoch: 1,
    committed: {epoch: 1, index: 4},
    committedSha: '',
    settled: 0,
    started: true,
    to: {inc: 1, run: 2},
    echo: 1,
    leaseMs: 10_000,
  }
  const self = {run: {inc: 1, run: 2}, held: {epoch: 1, index: 4}}
  const sent = answerSent(NO_LEASE, 500)
  t.equal(leaseFromBeat(sent, beat, self).untilMs, 10_500)
  t.equal(
    leaseFromBeat(sent, {...beat, to: {inc: 1, run: 1}}, self),
    sent,
    'meant for an older run',
  )
  t.equal(leaseFromBeat(sent, {...beat, echo: 9}, self), sent)
  t.equal(leaseFromBeat(sent, {...beat, leaseMs: 0}, self), sent)
  t.equal(leaseFromBeat(sent, beat, {...self, held: {epoch: 1, index: 3}}), sent, 'an older record')
  const longer = {...sent, untilMs: 99_999}
  t.equal(leaseFromBeat(longer, beat, self), longer, 'a lease never shrinks')
  t.equal(leaseToGive(10_000, 900, 1000), 10_000)
  t.equal(leaseToGive(10_000, 5000, 1000), 6000, 'it never outlives the last majority')
  t.equal(leaseToGive(10_000, 5000, -Infinity), 0)
  t.end()
})

t.test('an entry is settled when every former owner has let go', (t) => {
  const own = [
    {index: 1, targets: [T1, T2]},
    {index: 5, targets: [T2, T3], merged: [[T1]]},
    {index: 8, targets: [T3]},
  ]
  const mark = {heldIndex: 8, heard: {inc: 1, run: 1}, leased: null}
  const facts = {
    settledIndex: 1,
    own,
    targets: {[T1]: mark, [T2]: mark, [T3]: mark},
    nowMs: 1000,
    electedAtMs: 0,
    ownMs: 10_000,
  }
  t.equal(settledIndex(facts), 8)
  const leased = {run: {inc: 1, run: 1}, atMs: 900}
  const behind = {...facts, targets: {...facts.targets, [T1]: {...mark, heldIndex: 5, leased}}}
  t.equal(settledIndex(behind), 1, 'it may still hold a lease')
  const rerun = {heldIndex: 0, heard: {inc: 1, run: 2}, leased}
  t.equal(
    settledIndex({...facts, targets: {...facts.targets, [T1]: rerun}}),
    8,
    'a new run has none',
  )
  const renewed = {heldIndex: 0, heard: {inc: 2, run: 1}, leased}
  t.equal(settledIndex({...facts, targets: {...facts.targets, [T1]: renewed}}), 8)
  t.equal(settledIndex({...behind, nowMs: 12_901}), 8, 'time has run out')
  const unknown = {...facts, targets: {[T2]: mark, [T3]: mark}}
  t.equal(settledIndex(unknown), 1)
  t.equal(settledIndex({...unknown, nowMs: 12_001}), 8, 'counted from the election')
  t.equal(settledIndex({...facts, settledIndex: 8}), 8)
  t.equal(settledIndex({...facts, settledIndex: 0, own: [{index: 3, targets: []}]}), 3)
  t.equal(settledIndex({...facts, own: []}), 1)
  t.end()
})

t.test('placement and succession are functions of names', (t) => {
  const candidates = candidatesOf([T1, T2, T3])
  const digest = objectDigest(ref, 'cat.jpg')
  const ranked = rankByWeight(candidates, digest)
  t.equal(highestWeight(candidates, digest), ranked[0])
  t.equal(ranked.length, 3)
  t.equal(highestWeight([], digest), undefined)
  const order = succession(smapOf(member(P1), member(P2), member(P3), member(T1)))
  t.equal(order.length, 3)
  t.equal(order.at(-1), P1, 'the primary on record comes last')
  t.end()
})
