/**
 * The tree that all hosts stand on: a Debian with systemd and sshd and little else. It is made
 * once, kept as an archive named after its recipe, and unpacked once per place where labs live. It
 * holds no identity: keys, machine id and names are made per host (host.ts).
 */

import {createHash} from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import {join} from 'node:path'
import {attempt, run} from './run.ts'

const SUITE = 'bookworm'
/**
 * What a plain server has, and no more: neither Node nor curl, rsync or zstd, so that a deploy that
 * relied on one of them fails here and not at an operator's.
 */
const PACKAGES = [
  'systemd',
  'systemd-sysv',
  'dbus',
  'udev',
  'openssh-server',
  'python3',
  'sudo',
  'iproute2',
  'iputils-ping',
  'procps',
  'ca-certificates',
  'libnss-systemd',
  'libpam-systemd',
]
const LEFT_OUT = [
  '/usr/share/man/*',
  '/usr/share/locale/*',
  '/usr/share/doc/*',
  '/usr/share/info/*',
]
/** Nothing here has a terminal, a package feed or a disk to scrub. */
const MASKED_UNITS = [
  'getty@tty1.service',
  'console-getty.service',
  'e2scrub_reap.service',
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
]
/** Grows when the recipe below changes. */
const RECIPE = 1
const BUILD_TIMEOUT_MS = 900_000
/** Archives are shared by all places where labs live. */
const ARCHIVES = '/var/cache/aisctl-lab'

/** Login users of every host besides root: `ops` has sudo, `admin` has it with this password. */
export const ADMIN_PASSWORD = 'lab-password'

/** Name of the image that this release's recipe gives. */
export function baseKey(): string {
  const recipe = JSON.stringify([SUITE, PACKAGES, LEFT_OUT, MASKED_UNITS, RECIPE])
  return createHash('sha256').update(recipe).digest('hex').slice(0, 12)
}

/** The unpacked tree of a base image, below the directory of all labs. */
export function baseTree(labsDirectory: string, key: string): string {
  return join(labsDirectory, '.base', key)
}

/**
 * Makes sure that the base image is there, from the archive when there is one.
 * @returns its key
 */
export async function ensureBase(
  labsDirectory: string,
  report: (text: string) => void,
): Promise<string> {
  const key = baseKey()
  const tree = baseTree(labsDirectory, key)
  if (existsSync(tree)) return key
  mkdirSync(join(labsDirectory, '.base'), {recursive: true})
  mkdirSync(ARCHIVES, {recursive: true})
  const archive = join(ARCHIVES, `base-${key}.tar.zst`)
  if (!existsSync(archive)) await build(archive, report)
  report('unpacking the base image')
  const unfinished = `${tree}.new`
  rmSync(unfinished, {recursive: true, force: true})
  mkdirSync(unfinished)
  const unpack = ['tar', '--directory', unfinished, '--xattrs', '--numeric-owner', '-xpf', archive]
  await run([...unpack, '--use-compress-program=zstd -d'])
  renameSync(unfinished, tree)
  return key
}

/** Removes trees and archives of base images, but for those that labs stand on. */
export function removeBases(labsDirectory: string, inUse: ReadonlySet<string>): void {
  removeOthers(join(labsDirectory, '.base'), (name) => inUse.has(name))
  removeOthers(ARCHIVES, (name) => inUse.has(/^base-(\w+)\./.exec(name)?.[1] ?? ''))
}

/** Removes what is not kept, and the directory once it is empty. */
function removeOthers(directory: string, kept: (name: string) => boolean): void {
  if (!existsSync(directory)) return
  for (const name of readdirSync(directory).filter((one) => !kept(one))) {
    rmSync(join(directory, name), {recursive: true, force: true})
  }
  if (readdirSync(directory).length === 0) rmdirSync(directory)
}

async function build(archive: string, report: (text: string) => void): Promise<void> {
  report('building the base image, once; this takes about a minute')
  const tree = `${archive}.tree`
  await removeUnfinished(tree)
  await run(
    [
      'mmdebstrap',
      '--quiet',
      '--variant=minbase',
      '--mode=root',
      `--include=${PACKAGES.join(',')}`,
      ...LEFT_OUT.map((path) => `--dpkgopt=path-exclude=${path}`),
      SUITE,
      tree,
    ],
    {timeoutMs: BUILD_TIMEOUT_MS},
  )
  await adapt(tree)
  const pack = ['tar', '--directory', tree, '--xattrs', '--numeric-owner', '-cf', `${archive}.new`]
  await run([...pack, '--use-compress-program=zstd -q -T0 -3', '.'])
  renameSync(`${archive}.new`, archive)
  rmSync(tree, {recursive: true, force: true})
}

async function adapt(tree: string): Promise<void> {
  for (const file of ['rsa', 'ecdsa', 'ed25519']) {
    rmSync(join(tree, `etc/ssh/ssh_host_${file}_key`), {force: true})
    rmSync(join(tree, `etc/ssh/ssh_host_${file}_key.pub`), {force: true})
  }
  rmSync(join(tree, 'var/lib/dbus/machine-id'), {force: true})
  writeFileSync(join(tree, 'etc/machine-id'), '')
  for (const unit of MASKED_UNITS) mask(join(tree, 'etc/systemd/system', unit))
  // Logins are welcome as soon as sshd is.
  mask(join(tree, 'etc/tmpfiles.d/systemd-nologin.conf'))
  const sshd = ['UseDNS no', 'GSSAPIAuthentication no', 'MaxStartups 100', '']
  writeFileSync(join(tree, 'etc/ssh/sshd_config.d/lab.conf'), sshd.join('\n'))
  const inside = (...argv: string[]): Promise<string> => run(['chroot', tree, ...argv])
  await inside('systemctl', 'enable', '--quiet', 'systemd-networkd')
  await inside('useradd', '--create-home', '--shell', '/bin/bash', 'ops')
  await inside('useradd', '--create-home', '--shell', '/bin/bash', 'admin')
  await run(['chroot', tree, 'chpasswd'], {input: `admin:${ADMIN_PASSWORD}\n`})
  const sudoers = ['ops ALL=(ALL) NOPASSWD:ALL', 'admin ALL=(ALL) ALL', '']
  writeFileSync(join(tree, 'etc/sudoers.d/lab'), sudoers.join('\n'), {mode: 0o440})
}

function mask(path: string): void {
  rmSync(path, {force: true})
  symlinkSync('/dev/null', path)
}

/**
 * An interrupted build may have left /proc and /dev mounted in its tree: never delete through them.
 */
async function removeUnfinished(tree: string): Promise<void> {
  if (!existsSync(tree)) return
  const {stdout} = await attempt(['findmnt', '--list', '--noheadings', '--output', 'TARGET'])
  const below = stdout.split('\n').filter((point) => point.startsWith(`${tree}/`))
  for (const point of below.sort((a, b) => b.length - a.length)) {
    await run(['umount', '--lazy', point])
  }
  rmSync(tree, {recursive: true, force: true})
}
