/**
 * Where copies of keys lie, read from the disks themselves and not from what nodes say. Nothing is
 * deleted that somebody else does not hold as new and durably (D6, D7), no tombstone goes while
 * something older is anywhere (D3), and when all is swept every key lies at its owner alone (D8).
 */

import {fileNameOf, folderOf, OBJECTS_FOLDER} from '../../../src/core/objects/file-name.ts'
import {newestEntry, ownerUnder, ringOf} from '../../../src/core/objects/ring.ts'
import {objectDigest} from '../../../src/core/placement/locate.ts'
import {bucketUname} from '../../../src/model/bucket.ts'
import {compareGenerations, formatGeneration} from '../../../src/model/generation.ts'
import type {ObjectAttributes} from '../../../src/model/object.ts'
import type {ClusterRecord} from '../../../src/model/record.ts'
import {sinceOf} from '../../../src/model/forgotten.ts'
import type {Hashing} from '../../../src/node/store/object/hashing.ts'
import {readMark} from '../../../src/node/store/mountpath/mountpath-mark.ts'
import {readAttributes} from '../../../src/node/store/object/last-footer.ts'
import type {ObjectKey} from '../../../src/node/store/object-store.ts'
import type {CrashFs} from '../../helpers/crash-fs.ts'
import type {Random} from '../world/random.ts'
import type {SimProcess} from '../world/process.ts'
import {simBucket} from '../world/workload.ts'
import {MOUNTPATHS} from './device.ts'
import type {ObjectNode} from './node.ts'

export interface Copies {
  /** A target has removed all that it has of a key. @param newest what was removed */
  readonly removed: (process: SimProcess, key: ObjectKey, newest: ObjectAttributes) => void
  /** A target is about to remove all that it has (D11); it has done so (D10). */
  readonly leaves: (process: SimProcess) => void
  readonly left: (process: SimProcess) => void
  /** A bit of a copy flips, if there is another copy on that node (D18). */
  readonly rot: (node: ObjectNode, name: string, random: Random) => void
  /** Every key of a cluster in which nothing is under way. */
  readonly judgeAtEnd: (record: ClusterRecord) => void
}

export interface CopiesDeps {
  readonly nodes: () => readonly ObjectNode[]
  /** Of all keys. */
  readonly names: readonly string[]
  readonly hashing: Hashing
  /** Copies of a key at its owner. */
  readonly most: number
  readonly violate: (invariant: string, detail: string) => void
  readonly saw: (name: string) => void
}

/** A copy of a key on some disk. */
interface Copy {
  readonly node: ObjectNode
  readonly path: string
  readonly attributes: ObjectAttributes
}

export function createCopies(deps: CopiesDeps): Copies {
  const {nodes, names, hashing, most, violate, saw} = deps
  const rotten = new Set<string>()

  function copiesAt(node: ObjectNode, disk: CrashFs, bid: string, name: string): readonly Copy[] {
    return MOUNTPATHS.flatMap((mountpath) => {
      const folder = `${mountpath}/${OBJECTS_FOLDER}/${bid}/${folderOf(name)}`
      const path = `${folder}/${fileNameOf(name)}`
      const attributes = disk.isFile(path) ? readAttributes(disk, path, hashing) : null
      return attributes === null ? [] : [{node, path, attributes}]
    })
  }

  /** What is there for sure, after any crash. */
  function durableAt(node: ObjectNode, {bid, name}: ObjectKey): readonly Copy[] {
    return copiesAt(node, node.filesystem().crash('synced'), bid, name)
  }

  function isAsNew({attributes}: Copy, than: ObjectAttributes): boolean {
    return compareGenerations(attributes.gen, than.gen) >= 0
  }

  function judgeReclaim(node: ObjectNode, key: ObjectKey, newest: ObjectAttributes): void {
    saw('copy reclaimed')
    const others = nodes().filter((other) => other !== node)
    if (others.some((other) => durableAt(other, key).some((copy) => isAsNew(copy, newest)))) return
    const what = `${key.name} ${formatGeneration(newest.gen)}`
    violate('D7', `${idOf(node)} removes ${what}, and nobody else holds it as new, durably`)
  }

  function judgeCollection(node: ObjectNode, key: ObjectKey, newest: ObjectAttributes): void {
    saw('tombstone dropped')
    const older = nodes()
      .flatMap((other) => [
        ...copiesAt(other, other.filesystem(), key.bid, key.name),
        ...durableAt(other, key).filter(() => other !== node),
      ])
      .filter((copy) => !copy.attributes.tombstone && isBelieved(copy))
      .filter((copy) => isOfMembership(node.process.view()?.record ?? null, copy))
      .find((copy) => !isAsNew(copy, newest))
    if (older === undefined) return
    const what = `the tombstone ${formatGeneration(newest.gen)} of ${key.name}`
    const left = `${formatGeneration(older.attributes.gen)} at ${idOf(older.node)} ${older.path}`
    violate('D3', `${idOf(node)} drops ${what}, and there is ${left}`)
  }

  /**
   * Whether its target would believe a copy: one that a power cut brings back on a mountpath that
   * was emptied and has gone keeps that mountpath from being attached, and says nothing.
   */
  function isBelieved({node, path}: Copy): boolean {
    const states = node.disks().filter(({state}) => state === 'available' || state === 'waiting')
    return states.some((one) => path.startsWith(`${one.path}/`))
  }

  /**
   * Whether a copy is of its target's present membership: what a target has that was removed by
   * force is moved aside before it is in use again, and nobody asks for it until then (R33).
   */
  function isOfMembership(record: ClusterRecord | null, {node, path}: Copy): boolean {
    const member = record?.smap.nodes[idOf(node)]
    const root = MOUNTPATHS.find((one) => path.startsWith(`${one}/`)) ?? ''
    const mark = readMark(root, node.filesystem())
    return member !== undefined && (mark?.since ?? 0) >= sinceOf(member)
  }

  /** What is about to go is held by others, durably, or is older than what they hold. */
  function judgeLeaving(node: ObjectNode): void {
    saw('target decommissioned')
    const bid = node.process.view()?.record?.bmd.buckets[bucketUname(BUCKET)]?.bid
    if (bid === undefined) return
    for (const name of names) {
      const own = copiesAt(node, node.filesystem(), bid, name).filter(isBelieved)
      const others = nodes()
        .filter((other) => other !== node)
        .flatMap((other) => durableAt(other, {bid, name, digest: 0n}))
      const lost = own.find((copy) => !others.some((other) => isAsNew(other, copy.attributes)))
      const matters = lost?.attributes.tombstone !== true || others.length > 0
      if (lost === undefined || !matters) continue
      const what = `${name} ${formatGeneration(lost.attributes.gen)}`
      violate('D11', `${idOf(node)} leaves with ${what}, and nobody else holds it as new`)
    }
  }

  /** Nothing of the bucket is on its disks, whatever happens to their power. */
  function judgeLeft(node: ObjectNode): void {
    const durable = node.filesystem().crash('synced')
    const files = node
      .disks()
      .flatMap(({path}) => durable.files(path))
      .filter((path) => path.includes(`/${OBJECTS_FOLDER}/`))
    if (files.length > 0) violate('D10', `${idOf(node)} has left, and has ${files.join(', ')}`)
  }

  /** Bit rot in one of several copies: each version of a key suffers it once. */
  function rot(node: ObjectNode, name: string, random: Random): void {
    const bid = node.process.view()?.record?.bmd.buckets[bucketUname(BUCKET)]?.bid
    if (bid === undefined) return
    const copies = copiesAt(node, node.filesystem(), bid, name)
    const [first, second] = copies
    if (first === undefined || second === undefined || first.attributes.tombstone) return
    const {gen, sizeBytes} = first.attributes
    if (copies.some(({attributes}) => compareGenerations(attributes.gen, gen) !== 0)) return
    const what = `${idOf(node)} ${name} ${formatGeneration(gen)}`
    if (sizeBytes === 0 || rotten.has(what)) return
    rotten.add(what)
    saw('copy rotten')
    node.filesystem().rot(random.pick(copies).path, random.int(0, sizeBytes - 1))
  }

  function withNode(process: SimProcess, judge: (node: ObjectNode) => void): void {
    const node = nodes().find((one) => one.process === process)
    if (node !== undefined) judge(node)
  }

  function judgeRemoval(node: ObjectNode, key: ObjectKey, newest: ObjectAttributes): void {
    const record = node.process.view()?.record ?? null
    const entry = record === null ? undefined : newestEntry(ringOf(record))
    const isOwn = entry !== undefined && ownerUnder(entry, key.digest) === idOf(node)
    if (isOwn) judgeCollection(node, key, newest)
    else judgeReclaim(node, key, newest)
  }

  return {
    rot,
    removed: (process, key, newest) => withNode(process, (node) => judgeRemoval(node, key, newest)),
    leaves: (process) => withNode(process, judgeLeaving),
    left: (process) => withNode(process, judgeLeft),
    judgeAtEnd: (record) => {
      const [entry] = record.own
      const bid = record.bmd.buckets[bucketUname(BUCKET)]?.bid
      const ring = newestEntry(ringOf(record))
      if (bid === undefined || ring === undefined) return
      if (record.own.length !== 1 || entry?.swept !== true) return saw('not swept at the end')
      saw('swept at the end')
      for (const name of names) {
        const owner = ownerUnder(ring, objectDigest(BUCKET, name))
        for (const node of nodes()) {
          // A tombstone that a power cut brings back says nothing that is not so.
          const copies = copiesAt(node, node.filesystem(), bid, name).filter(
            (copy) => !copy.attributes.tombstone && isBelieved(copy),
          )
          const allowed = idOf(node) === owner ? most : 0
          if (copies.length <= allowed) continue
          violate('D8', `${name} is ${owner}'s, and at ${idOf(node)} are ${copies.length} copies`)
        }
      }
    },
  }
}

const BUCKET = simBucket('objects')

function idOf({process}: ObjectNode): string {
  return process.facts.self.id
}
