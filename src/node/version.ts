/** What `aisnode version` prints and `ais_version` says. Compat: clients parse `major.minor`. */

/**
 * The release of AIStore whose API this daemon speaks, with this project's own release behind it.
 */
export const VERSION = '5.0.1'
/** This project's release. */
export const RELEASE = '0.1.0'
