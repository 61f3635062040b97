/** Named upper bounds and defaults of a lab, each with its reason. Nothing else. */

/** Hosts of one lab: addresses .11 to .74, and all share this machine's cores. */
export const HOSTS_MAX = 64
/** Data disks of one host: each takes a loop device. */
export const DISKS_MAX = 16
/** Labs known at once: one /24 of 10.43.0.0/16 each. */
export const LABS_MAX = 256
/** A lab's name becomes part of names of cgroups and namespaces. */
export const LAB_NAME = /^[a-z0-9](?:[a-z0-9-]{0,22}[a-z0-9])?$/

export const DEFAULT_LAB_NAME = 'lab'
export const DEFAULT_LABS_DIRECTORY = '/var/lib/aisctl-lab'
/** Sparse images: only what is written takes space. */
export const DEFAULT_DISK_SIZE = '2GiB'
export const DEFAULT_SYSTEM_SIZE = '4GiB'
/** Nodes that the topology file of a new lab names. */
export const DEFAULT_PROXIES = 3
export const DEFAULT_TARGETS = 4
/** ext4 with a journal needs some room. */
export const DISK_BYTES_MIN = 32 * 1024 * 1024

/**
 * Seconds for hosts to answer on SSH after power-on; about 2 s for one, 10 s for ten on two cores.
 */
export const BOOT_SECONDS_MAX = 90
/** A host that is told to reboot stops its services first. */
export const REBOOT_MS_MAX = 120_000
/** From the kill of a host's processes to the end of its power supply; some 50 ms in practice. */
export const POWER_OFF_MS_MAX = 10_000
/** Frozen before its disks go, so that nobody answers in between; the cut does not depend on it. */
export const FREEZE_MS_MAX = 2000
/** How long a command waits for another one that is changing the same lab. */
export const LOCK_MS_MAX = 120_000
/** A loop device is released at the last unmount; one held longer is named in the error. */
export const LOOP_RELEASE_MS_MAX = 30_000
/** Pause between two looks at something that ends by itself. */
export const POLL_MS = 20

/** Bridge of every lab, inside its own network namespace. */
export const BRIDGE = 'br0'
