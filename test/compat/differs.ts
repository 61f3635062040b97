/**
 * Where this project's answers are not the recorded ones on purpose. Each rule must be met by some
 * exchange, so that a rule that nothing needs is removed.
 */

/** One chosen difference. */
export interface Differs {
  /** Matched against `EXCHANGE AT: PROBLEM`. */
  readonly rule: RegExp
  readonly because: string
}

export const DIFFERS: readonly Differs[] = [
  {
    rule: /^\S+ header Ais-Ext-(Code|Hint|Gen): is not recorded$/,
    because: 'our code, hint and generation travel in headers that other tools ignore',
  },
  {
    rule: /^object\.get\S* header Cache-Control: is not recorded$/,
    because: 'a 301 is cacheable, and the owner of an object may change',
  },
  {
    rule: /^\S+ (?:header \S+ )?json\S*\.ext: is not recorded$/,
    because: 'our additions stand under ext',
  },
  {
    rule: /^\S+ json\S*\.verifying_key: is missing$/,
    because: 'nodes prove themselves with the cluster key, not with a key pair per start',
  },
  {
    rule: /^object\.put\.badchecksum\.redirected (?:status|json\.status): expected 500, found 400$/,
    because: "a wrong checksum is the client's mistake, not the server's",
  },
  {
    rule: /validate_warm_get: expected false, found true$/,
    because: 'blocks are verified before they are sent',
  },
]
