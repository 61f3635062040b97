/**
 * What each finding of `aisctl check` and cause of `aisctl doctor` means: what is looked at, which
 * value is asked, why, how it is mended and how that is undone. One row per id.
 */

import {AisError} from '../../base/errors.ts'

export interface Explanation {
  /** What is looked at, and which value is asked. */
  readonly asked: string
  readonly why: string
  readonly mend: string
  readonly undo: string
}

const NOTHING = 'nothing to undo'
const BY_HAND = 'by hand: aisctl changes nothing here'
const CONFIG_WHY =
  'a node with a wrong configuration does not start, and systemd does not try again (exit status 78)'

export const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  'address': row(
    'every address of a node is one of the host’s own, and not of the loopback',
    'a node listens on the address that the others are told',
    'correct DNS, /etc/hosts or the topology',
    BY_HAND,
  ),
  'arch': row(
    'the processor is one that a Node.js can be shipped for',
    'aisctl brings the runtime along',
    'aisctl runtime add FILE',
    NOTHING,
  ),
  'clock': row(
    'the clock is within 2 s of the median of all hosts; beyond 60 s (doctor: 30 s) it is an error',
    'times of objects and logs contradict each other, certificates and tokens expire early or late; leadership does not depend on it',
    'timedatectl set-ntp true, or chrony',
    'timedatectl set-ntp false',
  ),
  'clock-keeper': row(
    'exactly one of chrony, systemd-timesyncd and ntpd runs, and the kernel counts the clock as synchronized',
    'clocks drift apart by seconds a day',
    'aisctl check --fix: timedatectl set-ntp true where systemd has a keeper',
    'aisctl check --undo',
  ),
  'cluster': row(
    'the host belongs to no other cluster',
    'a host serves one cluster; another one would take over its units and disks',
    'take the host out of the topology, or remove the other cluster',
    NOTHING,
  ),
  'container': row(
    'whether the host is a container',
    'kernel settings and disks belong to the machine outside: not applicable',
    '',
    NOTHING,
  ),
  'credential': row(
    '/etc/aisnode/secrets/cluster-key is there, belongs to root, and nobody else may read it',
    'without it no node proves itself to another; systemd does not even start the unit (exit status 243)',
    'aisctl deploy writes it again',
    NOTHING,
  ),
  'disk': row(
    'the disk that the topology names is there',
    'its mountpath cannot be mounted without it',
    'attach it, or correct the topology',
    BY_HAND,
  ),
  'disk-error': row(
    'the kernel reads the disk of a mountpath without errors',
    'what is on it cannot be served; the node goes on without it',
    'replace the disk; see journalctl -k on the host',
    BY_HAND,
  ),
  'disk-name': row(
    'disks are named by UUID or by id, not as /dev/sdX',
    'such names follow the order of discovery and change over a boot',
    'write UUID=… or /dev/disk/by-id/… into the topology',
    BY_HAND,
  ),
  'duplicate-id': row(
    'every node id is used once',
    'two nodes of one id would vote twice and own the same keys; the second is refused',
    'aisctl deploy writes the ids of the topology',
    NOTHING,
  ),
  'exec-format': row(
    'the shipped Node.js is made for this processor',
    'the kernel cannot run it (exit status 203)',
    'aisctl deploy ships the right one',
    NOTHING,
  ),
  'filtered': row(
    'every host reaches the ports of every other; tried from each host, a refused connection counts as open',
    'every node talks to every other',
    'open the ports in the firewalls',
    BY_HAND,
  ),
  'firewall': row(
    'which firewall runs and whether it drops anything',
    'ports that it filters are findings of their own',
    '',
    NOTHING,
  ),
  'glibc': row(
    'glibc 2.28 or newer',
    'the shipped Node.js is linked to it',
    'a newer release of the distribution',
    BY_HAND,
  ),
  'host-auth': row(
    'the login is accepted and becomes root',
    'a deploy begins only when every host can be reached and changed',
    'see the message: ssh.user, ssh.identity and ssh.become in the topology',
    NOTHING,
  ),
  'host-command': row(
    'a host answers what it is asked, whole',
    'a host that breaks off in the middle has a full disk, no shell, or a bad line',
    'see the message; try the same by hand: ssh HOST',
    NOTHING,
  ),
  'host-key-changed': row(
    'the host shows the key that we know',
    'it was installed anew, or somebody stands in between',
    'compare the fingerprint on the host, then replace hostKey in the topology',
    NOTHING,
  ),
  'host-key-unknown': row(
    'the key of the host is known',
    'nothing is typed on a host that may be another',
    'compare the fingerprint on the host, then --accept-new, or hostKey in the topology',
    'remove its line from the known hosts',
  ),
  'host-unreachable': row(
    'ssh reaches the host',
    'nothing can be said about a host that is not reached',
    'switch it on; see the reason in the message',
    NOTHING,
  ),
  'kernel': row(
    'kernel settings that suit the memory and the link of the host; each finding says from what it was computed',
    'throughput and answers under load',
    'aisctl check --fix: sets them now and in /etc/sysctl.d/90-aisctl-check.conf, and reads them back',
    'aisctl check --undo: what was set before is set again, the file is removed',
  ),
  'libstdcxx': row(
    'libstdc++.so.6 is installed',
    'the shipped Node.js is linked to it',
    'apt-get install libstdc++6',
    'apt-get remove libstdc++6',
  ),
  'login': row(
    'the login is root, or becomes root',
    'users, units and files of the system belong to root',
    'ssh.become: sudo in the topology',
    NOTHING,
  ),
  'machine-id': row(
    'every host has a machine-id of its own',
    'a copied image: logs, leases and addresses by DHCP are told apart by it',
    'rm /etc/machine-id; systemd-machine-id-setup; reboot',
    BY_HAND,
  ),
  'mount': row(
    'a filesystem of its own is mounted at every mountpath',
    'objects would fill the system disk; a node writes to mounted filesystems only',
    'mount it, or name its disk in the topology',
    BY_HAND,
  ),
  'mountpath-disabled': row(
    'every mountpath of a target serves',
    'what only it holds answers 503',
    'aisctl storage mountpath enable NODE=PATH, when its disk is well',
    'aisctl storage mountpath disable NODE=PATH',
  ),
  'mtu': row(
    'the largest packet that an interface promises arrives whole at every other host (ping with fragments forbidden)',
    'small requests pass and large ones hang',
    'the same MTU on every interface and switch port',
    BY_HAND,
  ),
  'node-file': row(
    '/etc/aisnode/INSTANCE.json is JSON, has known keys only, and values in their range',
    CONFIG_WHY,
    'aisctl deploy writes it again from the topology',
    NOTHING,
  ),
  'not-in-map': row(
    'every node of the topology is active in the map',
    'what it holds answers 503 while it is away',
    'see what else doctor finds about it',
    NOTHING,
  ),
  'oom': row(
    'no node was killed because memory ran out',
    'the kernel or the unit’s MemoryMax ended it',
    'more memory, fewer nodes on the host, or a larger tuning.limits.memoryMax',
    NOTHING,
  ),
  'open-files': row(
    'services may open at least 16384 files',
    'a node has a file open for every connection and object',
    'raise the hard limit where the host is started',
    BY_HAND,
  ),
  'owner': row(
    'mountpaths and state directories belong to aisnode',
    'the node cannot write there',
    'aisctl deploy gives them to it',
    NOTHING,
  ),
  'port': row(
    'nobody else listens on the ports of a node',
    'the node cannot listen there and starts again and again',
    'stop that process, or give the node other ports',
    BY_HAND,
  ),
  'read-only': row(
    'the filesystem of a mountpath can be written to',
    'the kernel turns a filesystem read-only when its disk fails',
    'fsck the disk or replace it, then aisctl storage mountpath enable',
    BY_HAND,
  ),
  'reserved-ports': row(
    'the ports of nodes are in net.ipv4.ip_local_reserved_ports',
    'an outgoing connection may have a port that a node is about to listen on',
    'set where the container is made',
    BY_HAND,
  ),
  'signature': row(
    'the disk of a mountpath holds a filesystem and nothing of somebody else',
    'nothing is ever formatted without being asked for',
    'wipefs --no-act shows what is there',
    BY_HAND,
  ),
  'space': row(
    '/opt 400 MiB, /var/tmp 200 MiB and /var/lib 64 MiB are free',
    'runtimes are installed, what is shipped is checked, and the record is kept there',
    'make room',
    NOTHING,
  ),
  'survival': row(
    'the cluster survives the failures that its size suggests',
    'one gateway, or an even number of voters, makes it weaker than it looks',
    'see the message',
    NOTHING,
  ),
  'system-full': row(
    '/var/lib and /var/log have room',
    'a record that cannot be stored ends the process; nothing is logged any more',
    'make room: journalctl --vacuum-size=200M, apt-get clean',
    NOTHING,
  ),
  'systemd': row(
    'systemd 247 or newer',
    'nodes are units with credentials',
    'a newer release of the distribution',
    BY_HAND,
  ),
  'unit-failed': row(
    'the unit of every node runs',
    'decoded from its result, its exit status and the last lines of its journal',
    'see the message',
    NOTHING,
  ),
  'timed-out': row(
    'a host answers within a minute',
    'a host that needs longer is in trouble itself',
    'look at its load and at its disks',
    NOTHING,
  ),
  'unreachable': row(
    'ssh reaches the host',
    'a deploy begins only when every host can be reached and changed',
    'switch it on; see the reason in the message',
    NOTHING,
  ),
  'unreachable-peer': row(
    'every host reaches every other',
    'a majority that cannot be asked decides nothing',
    'routes and cables',
    BY_HAND,
  ),
  'volume-full': row(
    'the filesystem of a mountpath has room',
    'writes of its objects are refused; what is stored stays readable',
    'delete objects, add a target or a disk',
    NOTHING,
  ),
  'watchdog': row(
    'the node tells systemd every 15 s that its main thread runs',
    'a thread that is stuck for 30 s is ended and started again',
    'see the journal before it; a stopped process (state T) was stopped by a signal',
    NOTHING,
  ),
  'wrong-cluster': row(
    'node file and mountpaths name the uuid of the topology',
    'a node belongs to one cluster for ever and refuses all others',
    'put back the file or the disk that belongs there',
    NOTHING,
  ),
}

/** The page of one id. @throws AisError NOT_FOUND with the ids that there are */
export function explain(id: string): readonly string[] {
  const found = EXPLANATIONS[id]
  if (found === undefined) {
    throw new AisError({
      code: 'NOT_FOUND',
      message: `there is no finding ${id}`,
      hint: `those that there are: ${Object.keys(EXPLANATIONS).join(' ')}`,
    })
  }
  const {asked, why, mend, undo} = found
  return [
    id,
    `  asked: ${asked}`,
    `  why:   ${why}`,
    ...(mend === '' ? [] : [`  mend:  ${mend}`]),
    `  undo:  ${undo}`,
  ]
}

function row(asked: string, why: string, mend: string, undo: string): Explanation {
  return {asked, why, mend, undo}
}
