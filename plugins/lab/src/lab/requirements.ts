/**
 * Tools that a lab needs on this machine, and the Debian package of each. Installs only when told.
 */

import {existsSync} from 'node:fs'
import {delimiter, join} from 'node:path'
import {AisError} from 'aisctl/kit'
import {run} from './run.ts'

const INSTALL_TIMEOUT_MS = 600_000

/** Tool → Debian package. */
export const REQUIRED_TOOLS: Readonly<Record<string, string>> = {
  'systemd-nspawn': 'systemd-container',
  'mmdebstrap': 'mmdebstrap',
  'ip': 'iproute2',
  'nft': 'nftables',
  'zstd': 'zstd',
  'ssh': 'openssh-client',
  'python3': 'python3',
  'mkfs.ext4': 'e2fsprogs',
  'losetup': 'mount',
  'nsenter': 'util-linux',
  'fsfreeze': 'util-linux',
}

/** Packages whose tools are not in PATH, sorted, each once. */
export function missingPackages(path = process.env['PATH'] ?? ''): string[] {
  const folders = [...path.split(delimiter), '/usr/sbin', '/sbin']
  const missing = Object.entries(REQUIRED_TOOLS)
    .filter(([tool]) => !folders.some((folder) => existsSync(join(folder, tool))))
    .map(([, name]) => name)
  return [...new Set(missing)].sort()
}

/** The one command that installs them. */
export function installCommand(packages: readonly string[]): string {
  return `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`
}

/**
 * Makes sure that every tool is there.
 * @param install whether missing packages may be installed
 * @throws AisError REFUSED with the command, when something is missing and may not be installed
 */
export async function ensureTools(
  install: boolean,
  report: (text: string) => void = () => {},
): Promise<void> {
  const missing = missingPackages()
  if (missing.length === 0) return
  if (!install) {
    throw new AisError({
      code: 'REFUSED',
      message: `the lab needs Debian packages that are not installed: ${missing.join(', ')}`,
      hint: `add --install, or run: ${installCommand(missing)}`,
      details: {missing},
    })
  }
  report(`installing ${missing.join(', ')}`)
  const options = {timeoutMs: INSTALL_TIMEOUT_MS, env: {DEBIAN_FRONTEND: 'noninteractive'}}
  await run(['apt-get', 'update', '-q'], options)
  await run(['apt-get', 'install', '-y', '-q', '--no-install-recommends', ...missing], options)
}
