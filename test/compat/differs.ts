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
  {
    rule: /intra_data(?:_net\.(?:daemon_port|direct_url))?: expected "\S*2008[0-2]", found "\S*1908[0-2]"$/,
    because: 'a gateway moves no object bytes: its control listener stands for intra-data, too',
  },
  {
    rule: /^\S+ json\.log_dir: expected "\S+", found ""$/,
    because: "logs go to standard output, that is to the host's journal",
  },
  {
    rule: /^\S+ json\.test_fspaths\.(?:root|instance): /,
    because: 'mountpaths are always named one by one',
  },
  {
    rule: /^\S+ json\S*\.flags: expected 0, found [26]$/,
    because: "a node's own descriptor and state show what its map says",
  },
  {
    rule: /^\S+\.daemon\.metrics json\.\S+: is missing$/,
    because: 'statistics of what this release does not have are not announced',
  },
  {
    rule: /^health\.target header Ais-(?:Cluster|Node)-Uptime: is not recorded$/,
    because: 'targets say their uptime, too',
  },
  {
    rule: /^health\.secondary\.prr header Ais-(?:Cluster|Node)-Uptime: is missing$/,
    because: 'a relayed answer carries the uptime of the node that gave it, once',
  },
  {
    rule: /^cluster\.sysinfo json\.proxy\.pnode0000: is not recorded$/,
    because: 'the primary counts itself',
  },
  {
    rule: /^reverse\.unknown json\.(?:message|url_path): /,
    because: 'the message has no word twice, and the path is the one that was asked for',
  },
  {
    rule: /^(?:cluster\.setconfig\.bad|cluster\.badjson|bucket\.create\.badname|set-primary\.target) json\.message: /,
    because: 'our messages name what is wrong and what is expected',
  },
  {
    rule: /^maintenance\.nosuch json\.message: /,
    because: 'the version of the map is that of the run, and the node that answers is named beside',
  },
  {
    rule: /^status\.in-maintenance json\./,
    because: 'a node that is being taken out keeps its true figures as long as it answers',
  },
  {
    rule: /^\S+ header Content-Length: is not recorded$/,
    because: 'a failed HEAD says length 0, so that its connection can be used again',
  },
  {
    rule: /^proxy\.daemon\.smapvote json\.(?:config\.distributed_sort|prime_time)/,
    because: 'there is no distributed sort',
  },
  {
    rule: /^proxy\.daemon\.smapvote json\.(?:config\.net\.http\.backend_idle_conn_time|rmd\.cluster_id): /,
    because: 'a default is shown as the value that counts, and a record always names its cluster',
  },
]
