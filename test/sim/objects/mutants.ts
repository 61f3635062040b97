/**
 * Data planes that are deliberately broken, each in one rule, at a border of the shipped files
 * where it can be, else in a line of one: a checker that never fires is worth nothing.
 */

import type {Edit} from '../world/mutate.ts'

/** What a broken target does differently. */
export interface ObjectMutant {
  readonly name: string
  /** The rule that it breaks. */
  readonly rule: string
  /** fsync of files, or of directories, says that it is done and does nothing. */
  readonly skipsSync?: 'files' | 'all'
  /** The lease counts as held: always, or only in the check before the reply. */
  readonly ignoresLease?: 'always' | 'before the reply'
  /** The reserved counter does not survive a restart. */
  readonly forgetsCounter?: boolean
  /** A delete of what is not here writes nothing. */
  readonly skipsTombstone?: boolean
  /** Earlier owners count as asked and holding nothing. */
  readonly asksNobody?: boolean
  /** Every entry counts as settled. */
  readonly settlesAtOnce?: boolean
  /** What is wrong with moving. */
  readonly moves?:
    'overwrite' | 'without fsync' | 'leave tombstones' | 'see nothing' | 'cursor ahead'
  /** A new name is shown to readers before it is durable. */
  readonly showsEarly?: boolean
  /** What is read from a disk is not verified. */
  readonly believesDisks?: boolean
  /** A line of a shipped file that is another one. */
  readonly edit?: Edit
  /** A seed that has shown it: played first, because it takes many. */
  readonly known?: number
}

export const OBJECT_MUTANTS: readonly ObjectMutant[] = [
  {
    name: 'ack-before-fsync',
    rule: 'R31: a write is acknowledged that no fsync has made durable',
    skipsSync: 'all',
  },
  {
    name: 'content-not-fsynced',
    rule: 'R31: the name is durable, the content is not',
    skipsSync: 'files',
  },
  {
    name: 'lease-ignored-after-fsync',
    rule: 'R22: the lease is not looked at again before the reply',
    known: 40,
    ignoresLease: 'before the reply',
  },
  {
    name: 'lease-ignored',
    rule: 'R22: writes and reads without a lease',
    ignoresLease: 'always',
  },
  {
    name: 'counter-reused',
    rule: 'R20: generations start again after a crash',
    forgetsCounter: true,
  },
  {
    name: 'delete-missing-writes-nothing',
    rule: 'R21: no tombstone for what is not here',
    known: 40,
    skipsTombstone: true,
  },
  {
    name: 'old-owners-not-asked',
    rule: 'R23: nothing here means nothing anywhere',
    asksNobody: true,
  },
  {
    name: 'starts-before-settlement',
    rule: 'R22a: the new owner starts while the old one may still write',
    known: 246,
    settlesAtOnce: true,
  },
  {
    name: 'move-overwrites',
    rule: 'R20: a move takes the place of whatever is there',
    moves: 'overwrite',
  },
  {
    name: 'move-acks-before-fsync',
    rule: 'R24: a move is acknowledged that no fsync has made durable',
    moves: 'without fsync',
  },
  {
    name: 'tombstones-stay',
    rule: 'R21: deletes are not moved',
    known: 283,
    moves: 'leave tombstones',
  },
  {
    name: 'clean-without-a-walk',
    rule: 'R27: a target says that all is moved and has moved nothing',
    moves: 'see nothing',
  },
  {
    name: 'shows-before-durable',
    rule: 'R31: readers see a version that a power cut takes back',
    known: 6,
    showsEarly: true,
  },
  {
    name: 'cursor-ahead-of-data',
    rule: 'R24: a walk goes on behind what it has read, acknowledged or not',
    moves: 'cursor ahead',
  },
  {
    name: 'finalize-despite-errors',
    rule: 'R27: a walk that failed at something counts as clean',
    known: 27,
    edit: {
      file: 'core/objects/move.ts',
      from: "tally.moved !== tally.wanted) return 'failing'",
      to: "tally.moved !== tally.wanted) return 'clean'",
    },
  },
  {
    name: 'completed-without-the-lost',
    rule: 'R27: a target that is away is not waited for',
    known: 7,
    edit: {
      file: 'core/kernel/operation.ts',
      from: 'participantsOf(record).every(isMoved)',
      to: 'participantsOf(record).every((id) => record.smap.nodes[id]?.away !== null || isMoved(id))',
    },
  },
  {
    name: 'source-removed-before-verify',
    rule: 'R24: what was sent is removed, held by its owner or not',
    edit: {
      file: 'node/move/send.ts',
      from: '    sent.push(item)',
      to: `    sent.push(item)
    const key = keyOf(batch, item)
    store.discard({key, gen: item.attributes.gen, allowed: () => true}, () => undefined)`,
    },
  },
  {
    name: 'tombstone-dropped-early',
    rule: 'R21: a tombstone goes when all has moved, and not only when all is swept',
    edit: {
      file: 'core/objects/collect.ts',
      from: 'entry?.swept !== true || newest?.index !== entry.index',
      to: 'entry === undefined || newest?.index !== entry.index',
    },
  },
  {
    name: 're-enabled-disk-believed',
    rule: 'R33: the copy on the disk that takes writes is the newest, whatever lies elsewhere',
    edit: {
      file: 'core/objects/mountpath-history.ts',
      from: 'for (const set of history.toReversed()) {',
      to: 'for (const set of history.slice(-1)) {',
    },
  },
  {
    name: 'missing-disk-ignored',
    rule: 'R33: what is on a disk that is away is taken for nothing',
    edit: {
      file: 'core/objects/mountpath-history.ts',
      from: 'if (path !== undefined && !present(path)) missing.add(path)',
      to: 'if (path === undefined) missing.add(present.name)',
    },
  },
  {
    name: 'resilver-ends-unproven',
    rule: 'R33: older sets are forgotten though a walk has failed',
    edit: {
      file: 'core/objects/resilver.ts',
      from: "if (failed > 0 || unseen > 0) return 'failing'",
      to: 'if (failed + unseen < 0) return `failing`',
    },
  },
  {
    name: 'cursor-believed',
    rule: 'R24: a walk that began in the middle proves that nothing is left',
    known: 50,
    edit: {
      file: 'core/objects/move.ts',
      from: "return isWhole && tally.wanted === 0 ? 'clean' : 'again'",
      to: "return tally.wanted === 0 ? 'clean' : 'again'",
    },
  },
  {
    name: 'list-without-a-disk',
    rule: 'D9: what lies on a disk that is away is left out, and nobody is told',
    edit: {
      file: 'node/objects/list.ts',
      from: 'store.isCovered(bid) ? [] : store.missing()',
      to: 'store.isCovered(bid) ? [] : store.missing().slice(0, 0)',
    },
  },
  {
    name: 'decommission-without-moving',
    rule: 'R29: a target is decommissioned with what it alone holds',
    known: 24,
    edit: {
      file: 'core/membership/lifecycle.ts',
      from: 'if (holds.length === 0) return false',
      to: "if (holds.length === 0 || command.action === 'decommission-node') return false",
    },
  },
  {
    name: 'decommission-without-wiping',
    rule: 'D10: a target leaves with what it was told to remove',
    known: 24,
    edit: {
      file: 'node/store/object-store.ts',
      from: 'if (rmUserData) await clearUserData(mountpaths)',
      to: 'if (!rmUserData) await clearUserData(mountpaths)',
    },
  },
  {
    name: 'owner-not-asked-for',
    rule: 'D14: a target takes writes of whatever key comes',
    edit: {
      file: 'core/objects/admit.ts',
      from: 'if (owner !== view.self.id) return',
      to: 'if (owner === null) return',
    },
  },
  {
    name: 'bit-rot-served',
    rule: 'D18: what is read is not compared with its checksums',
    believesDisks: true,
  },
]
