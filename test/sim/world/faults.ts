/** The kinds of things that go wrong in the virtual world. */

/** Of one process and its host. */
const PROCESS_KINDS = [
  'kill',
  'power',
  /** Between two effects of one step. */
  'crash',
  'pause',
  'stop',
  'storm',
  'blackout',
] as const

/** Of one system disk. */
const DISK_KINDS = ['wipe', 'rot', 'rot-one', 'flush-fails', 'torn', 'stall'] as const

/** Of the links. */
const LINK_KINDS = [
  'isolate',
  'isolate-primary',
  'one-way',
  'halves',
  'bridge',
  'ring',
  'flap',
  'clog',
  'swizzle',
  'slow',
] as const

const OTHER_KINDS = ['wall-jump', 'rogue', 'handover'] as const

/** Everything is mended, one thing goes wrong alone, and the rules say what comes of it. */
const TRIAL_KINDS = ['trial-death', 'trial-split', 'trial-handover', 'trial-calm'] as const

/** Kinds of fault; each seed enables some of them. */
export const FAULT_KINDS = [
  ...PROCESS_KINDS,
  ...DISK_KINDS,
  ...LINK_KINDS,
  ...OTHER_KINDS,
  ...TRIAL_KINDS,
] as const

export type FaultKind = (typeof FAULT_KINDS)[number]
export type TrialKind = (typeof TRIAL_KINDS)[number]
export type StrikeKind = Exclude<FaultKind, TrialKind>

/** One thing that goes wrong. `salt`: what it draws from, so that it is the same without others. */
export interface Fault {
  readonly atMs: number
  readonly kind: FaultKind
  readonly salt: number
}

/** Whether it wants the cluster for itself. */
export function isTrial(kind: FaultKind): kind is TrialKind {
  return (TRIAL_KINDS as readonly FaultKind[]).includes(kind)
}

/** A trial needs the cluster for itself for this long, times the pace. */
export const TRIAL_MS = 45_000
