/**
 * Brings a key to where it belongs on this target: its newest version, verified, durable on each of
 * its mountpaths, and nothing of it anywhere else. The one step that a change of copies, a repair
 * and a resilver are made of. Removes nothing before every place has what it should have, read
 * through, and does nothing while a mountpath is away that may hold something newer.
 */

import {AisError} from '../../../base/errors.ts'
import {filePathOf} from '../../../core/objects/file-name.ts'
import {compareGenerations} from '../../../model/generation.ts'
import type {ObjectAttributes} from '../../../model/object.ts'
import {copyFile, verifyCopy} from './copy-file.ts'
import type {Mountpath} from '../mountpath/mountpaths.ts'
import type {ObjectFile} from './object-file.ts'
import {closeFile} from './object-file.ts'
import {storeError} from '../store-error.ts'
import {lockName, type ObjectKey, type Writing} from './writing.ts'

/** What was done for a key. */
export interface Placed {
  readonly copied: number
  readonly removed: number
  readonly bytes: number
  /** Copies that did not verify, and were replaced. */
  readonly rotten: number
}

export const NOTHING_PLACED: Placed = {copied: 0, removed: 0, bytes: 0, rotten: 0}

/** An error: something is not where it belongs yet; what is there is as good as before. */
export type PlaceDone = (error: AisError | null, placed: Placed) => void

/**
 * Waits for the key's lock.
 * @param verify reads copies through also when none of the newest version is to go
 */
export function placeKey(writing: Writing, key: ObjectKey, verify: boolean, done: PlaceDone): void {
  writing.locks.run(lockName(key), (release) => {
    placeLocked(writing, key, verify, (error, placed) => {
      release()
      done(error, placed)
    })
  })
}

/** The same for who holds the key's lock. */
export function placeLocked(
  writing: Writing,
  key: ObjectKey,
  verify: boolean,
  done: PlaceDone,
): void {
  const problem = unsureOf(writing, key)
  if (problem !== null) return done(problem, NOTHING_PLACED)
  let places: readonly Mountpath[]
  try {
    places = writing.placesOf(key)
  } catch (error) {
    if (error instanceof AisError) return done(error, NOTHING_PLACED)
    throw error
  }
  new Placing(writing, {key, places, verify}, done).begin()
}

/** Why the newest version cannot be told; null when it can. */
function unsureOf(writing: Writing, key: ObjectKey): AisError | null {
  try {
    const lookup = writing.lookup(key)
    if (lookup.type === 'object') closeFile(lookup.file)
    if (lookup.type !== 'unsure') return null
    const message = `${JSON.stringify(key.name)}: ${lookup.missing.join(', ')} may hold a newer one`
    return new AisError({code: 'IO_ERROR', message})
  } catch (error) {
    if (error instanceof AisError) return error
    throw error
  }
}

interface PlaceTask {
  readonly key: ObjectKey
  readonly places: readonly Mountpath[]
  readonly verify: boolean
}

class Placing {
  readonly #writing: Writing
  readonly #task: PlaceTask
  readonly #done: PlaceDone
  /** Mountpaths with the newest version, as far as is known. */
  readonly #good: Mountpath[] = []
  readonly #lacking: Mountpath[] = []
  readonly #extra: {readonly mountpath: Mountpath; readonly known: ObjectAttributes | null}[] = []
  readonly #checked = new Set<Mountpath>()
  #placed = NOTHING_PLACED
  #damage: AisError | null = null

  constructor(writing: Writing, task: PlaceTask, done: PlaceDone) {
    this.#writing = writing
    this.#task = task
    this.#done = done
  }

  begin(): void {
    const {key, places} = this.#task
    const copies = this.#writing.everyCopy(key)
    const newest = newestOf(copies)
    for (const [mountpath, copy] of copies) {
      const known = copy instanceof AisError ? null : copy.footer.attributes
      if (copy instanceof AisError) this.#noteRot(copy)
      else {
        if (isSame(copy, newest)) this.#good.push(mountpath)
        closeFile(copy)
      }
      if (!places.includes(mountpath)) this.#extra.push({mountpath, known})
    }
    if (newest === null) return this.#end(this.#damage)
    this.#lacking.push(...places.filter((place) => !this.#good.includes(place)))
    this.#verifyNext()
  }

  /** Reads through what is relied on without being copied. */
  #verifyNext(): void {
    const {key} = this.#task
    const next = this.#good.find((one) => !this.#checked.has(one) && this.#isRelied(one))
    if (next === undefined) return this.#copyNext()
    this.#checked.add(next)
    const file = this.#writing.openVerified(next, key)
    if (file === null || file instanceof AisError) {
      this.#drop(next, file)
      return this.#verifyNext()
    }
    verifyCopy(this.#writing, file, (error) => {
      closeFile(file)
      if (error !== null) this.#drop(next, error)
      this.#verifyNext()
    })
  }

  /** A copy that is to go may be the last good one: a footer says nothing of the content. */
  #isRelied(mountpath: Mountpath): boolean {
    const {places, verify} = this.#task
    if (verify) return true
    return (
      places.includes(mountpath) && this.#extra.some((one) => this.#good.includes(one.mountpath))
    )
  }

  #copyNext(): void {
    const [to] = this.#lacking
    if (to === undefined) return this.#removeNext()
    const [from] = this.#good
    if (from === undefined) return this.#end(this.#damage)
    const {key} = this.#task
    const source = this.#writing.openVerified(from, key)
    if (source === null || source instanceof AisError) {
      this.#drop(from, source)
      return this.#copyNext()
    }
    copyFile(this.#writing, {key, source, to}, (failure) => {
      closeFile(source)
      if (failure?.side === 'target') return this.#end(failure.error)
      if (failure !== null) {
        this.#drop(from, failure.error)
        return this.#copyNext()
      }
      this.#lacking.shift()
      this.#good.push(to)
      const {copied, bytes} = this.#placed
      const {sizeBytes} = source.footer.attributes
      this.#placed = {...this.#placed, copied: copied + 1, bytes: bytes + sizeBytes}
      this.#copyNext()
    })
  }

  /** A copy is no source any more, and is to be replaced when it lies where one should. */
  #drop(mountpath: Mountpath, error: AisError | null): void {
    if (error !== null) this.#noteRot(error)
    this.#good.splice(this.#good.indexOf(mountpath), 1)
    if (this.#task.places.includes(mountpath)) this.#lacking.push(mountpath)
  }

  #noteRot(error: AisError): void {
    this.#damage ??= error
    this.#placed = {...this.#placed, rotten: this.#placed.rotten + 1}
  }

  #removeNext(): void {
    const extra = this.#extra.pop()
    if (extra === undefined) return this.#end(null)
    const {mountpath, known} = extra
    const {key} = this.#task
    const path = `${mountpath.pinned}/${filePathOf(key.bid, key.name)}`
    const folder = path.slice(0, path.lastIndexOf('/'))
    this.#writing.committerOf(mountpath).remove(path, folder, (error) => {
      if (error !== null) {
        return this.#end(storeError(mountpath, `remove ${JSON.stringify(key.name)}`, error))
      }
      if (known !== null) this.#writing.forgotten(mountpath, known)
      this.#placed = {...this.#placed, removed: this.#placed.removed + 1}
      this.#removeNext()
    })
  }

  #end(error: AisError | null): void {
    this.#done(error, this.#placed)
  }
}

function newestOf(copies: ReadonlyMap<Mountpath, ObjectFile | AisError>): ObjectFile | null {
  let newest: ObjectFile | null = null
  for (const copy of copies.values()) {
    if (copy instanceof AisError) continue
    const gen = copy.footer.attributes.gen
    if (newest === null || compareGenerations(gen, newest.footer.attributes.gen) > 0) newest = copy
  }
  return newest
}

function isSame(file: ObjectFile, newest: ObjectFile | null): boolean {
  if (newest === null) return false
  return compareGenerations(file.footer.attributes.gen, newest.footer.attributes.gen) === 0
}
