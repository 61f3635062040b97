/** Exit statuses of the daemon; the units know them (`RestartPreventExitStatus=78`). */

/** Ordered stop. */
export const EXIT_STOPPED = 0
/** Anything that a restart may mend. */
export const EXIT_FAILED = 1
/** A configuration error: a restart cannot mend it. */
export const EXIT_CONFIGURATION = 78
