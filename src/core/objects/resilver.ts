/**
 * The resilver of one target, as decisions: is there anything to do, does a file lie where its key
 * belongs, what has a walk over all mountpaths shown. Only a whole walk that changed nothing,
 * failed at nothing and missed nothing proves that every key lies where the newest set has it
 * (R34).
 */

/** What a walk over everything on all mountpaths has come to. Counts of keys, tombstones included. */
export interface ResilverTally {
  /** Copied to where they belong, or removed from where they do not. */
  readonly changed: number
  readonly failed: number
  /** What may hold keys that the walk did not see: mountpaths that are away, unknown buckets. */
  readonly unseen: number
}

export const NO_RESILVER_TALLY: ResilverTally = {changed: 0, failed: 0, unseen: 0}

/** What follows from a whole walk. */
export function resilverVerdict({
  changed,
  failed,
  unseen,
}: ResilverTally): 'clean' | 'again' | 'failing' {
  if (failed > 0 || unseen > 0) return 'failing'
  return changed === 0 ? 'clean' : 'again'
}

/**
 * Whether keys may lie where they do not belong.
 * @param sets of the history @param leaving mountpaths that are being emptied
 */
export function needsResilver(sets: number, leaving: number): boolean {
  return sets > 1 || leaving > 0
}

/**
 * Whether a key is to be looked at because of a file of it: it lies where it does not belong, or it
 * is the first of several copies, for all of which this one speaks.
 * @param path the mountpath of the file @param places where the key belongs, in order of weight
 * @param isOnFirst whether the first place has a file of the key, too
 */
export function isToBePlaced(
  path: string,
  places: readonly string[],
  isOnFirst: () => boolean,
): boolean {
  const at = places.indexOf(path)
  if (at === -1) return true
  if (places.length === 1) return false
  return at === 0 || !isOnFirst()
}

/** First pause after a walk that failed, and the longest. */
export const RESILVER_AGAIN_MS = 1_000
export const RESILVER_AGAIN_MAX_MS = 60_000

/** How long to wait before walking again. @param failures walks in a row that have failed */
export function resilverAgainMs(failures: number): number {
  if (failures === 0) return 0
  return Math.min(RESILVER_AGAIN_MS * 2 ** (failures - 1), RESILVER_AGAIN_MAX_MS)
}
