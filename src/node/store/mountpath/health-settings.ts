/** What the cluster's settings say of disks that fail (`fshc.*`). Asked each time: they change. */

export interface HealthSettings {
  /** Whether a suspicion is followed; a check that is asked for always is. */
  readonly isEnabled: boolean
  /** So many checks in a row that fail disable the mountpath. */
  readonly failedChecks: number
  /** So many failures of the device within so much time do, whatever a look at it says. */
  readonly failures: number
  readonly withinMs: number
}

/** The settings' defaults. */
export const USUAL_HEALTH: HealthSettings = {
  isEnabled: true,
  failedChecks: 2,
  failures: 10,
  withinMs: 10_000,
}

/** Failures that are remembered: a higher setting counts as this. */
export const FAILURES_KEPT_MAX = 10_000
/** Checks of one look: a higher setting counts as this. */
export const CHECKS_MAX = 16
