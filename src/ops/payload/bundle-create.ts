/**
 * `aisctl bundle create`: one tar file with everything that a deploy needs and a machine without a
 * registry cannot get: Node.js, the daemon, aisctl itself, the collection for Ansible. The same
 * inputs give the same bytes: fixed order, owners, modes and times.
 */

import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join, resolve} from 'node:path'
import {execa} from 'execa'
import {AisError} from '../../base/errors.ts'
import {sha256} from '../host/manifest.ts'
import {
  ABOUT,
  BUNDLE_FOLDER,
  BUNDLE_FORMAT,
  DAEMON,
  runtimeFile,
  SUMS,
  sumsText,
  type About,
} from './bundle-layout.ts'
import {hashFile, packFile} from './packed-file.ts'
import {openPayload, type Payload} from './payload.ts'
import {programFiles} from './program-files.ts'

export interface BundleOptions {
  readonly file: string
  /** Absent: all that this machine has. */
  readonly architectures?: readonly string[]
  /** Absent: of this installation. */
  readonly payload?: Payload
  /** Path below node_modules → file. Absent: aisctl and what it loads. */
  readonly program?: ReadonlyMap<string, string>
  report(text: string): void
}

export interface CreatedBundle {
  readonly file: string
  readonly bytes: number
  readonly sha256: string
  readonly version: string
  readonly architectures: readonly string[]
}

/** Runs aisctl out of an unpacked bundle, with the Node.js in it. */
const LAUNCHER = `#!/bin/sh
# aisctl out of this bundle: needs sh, gzip and coreutils, and neither Node.js nor a registry.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
case $(uname -m) in x86_64) arch=x64 ;; aarch64) arch=arm64 ;; *) arch=$(uname -m) ;; esac
node=$here/runtime/$arch/node
if [ ! -x "$node" ]; then
  [ -f "$node.gz" ] || { echo "this bundle has no Node.js for $arch" >&2; exit 1; }
  (cd "$here" && grep " runtime/$arch/node.gz$" SHA256SUMS | sha256sum -c --status) ||
    { echo "runtime/$arch/node.gz is damaged" >&2; exit 1; }
  gzip -dc "$node.gz" >"$node.$$" && chmod 755 "$node.$$" && mv "$node.$$" "$node"
fi
export AISCTL_BUNDLE="\${AISCTL_BUNDLE:-$here}"
exec "$node" "$here/node_modules/aisctl/bin/aisctl.js" "$@"
`

/** @throws AisError NOT_FOUND when an architecture is not on this machine */
export async function createBundle(options: BundleOptions): Promise<CreatedBundle> {
  const payload = options.payload ?? (await openPayload())
  const architectures = options.architectures ?? payload.architectures
  const runtimes = await Promise.all(architectures.map((arch) => payload.runtime(arch)))
  const {release} = payload
  const stage = mkdtempSync(join(tmpdir(), 'aisctl-bundle-'))
  try {
    const folder = join(stage, BUNDLE_FOLDER)
    const place = placer(folder)
    await place.file(DAEMON, release.file)
    for (const runtime of runtimes) {
      options.report(`packing Node.js ${runtime.version} for ${runtime.arch}`)
      const packed = await packFile(runtime.file, runtime.sha256, 'gzip')
      await place.file(runtimeFile(runtime.arch), packed.path)
    }
    options.report('collecting aisctl')
    for (const [path, source] of options.program ?? programFiles())
      await place.file(`node_modules/${path}`, source)
    place.text('aisctl', LAUNCHER, 0o755)
    const about: About = {
      format: BUNDLE_FORMAT,
      release: {version: release.version, sha256: release.sha256},
      runtimes: runtimes.map(({arch, version, sha256: hash}) => ({arch, version, sha256: hash})),
    }
    place.text(ABOUT, `${JSON.stringify(about, null, 2)}\n`)
    place.sums()
    options.report('writing')
    await pack(stage, place.paths(), options.file)
    return {
      file: options.file,
      bytes: statSync(options.file).size,
      sha256: await hashFile(options.file),
      version: release.version,
      architectures,
    }
  } finally {
    rmSync(stage, {recursive: true, force: true})
  }
}

interface Placer {
  file(path: string, source: string): Promise<void>
  text(path: string, text: string, mode?: number): void
  /** Checksums of all that was placed before. */
  sums(): void
  /** What the tar holds, the description first. */
  paths(): string[]
}

function placer(folder: string): Placer {
  const sums = new Map<string, string>()
  const at = (path: string): string => {
    const to = join(folder, path)
    mkdirSync(dirname(to), {recursive: true})
    return to
  }
  return {
    file: async (path, source) => {
      symlinkSync(resolve(source), at(path))
      sums.set(path, await hashFile(source))
    },
    text: (path, text, mode = 0o644) => {
      writeFileSync(at(path), text, {mode})
      sums.set(path, sha256(text))
    },
    sums: () => writeFileSync(at(SUMS), sumsText(sums)),
    paths: () => {
      const rest = [...sums.keys()].filter((path) => path !== ABOUT).toSorted()
      return [ABOUT, SUMS, ...rest].map((path) => `${BUNDLE_FOLDER}/${path}`)
    },
  }
}

/** Nothing of this machine goes into it: owner, mode and time of every file are the same. */
const SAME = ['--owner=0', '--group=0', '--numeric-owner', '--mtime=@0', '--mode=u=rwX,go=rX']

async function pack(stage: string, paths: readonly string[], file: string): Promise<void> {
  const next = `${resolve(file)}.${process.pid}.new`
  const list = join(stage, 'list')
  writeFileSync(list, paths.map((path) => `${path}\n`).join(''))
  const args = ['--format=ustar', ...SAME, '-h', '-cf', next, '-C', stage, '-T', list]
  const result = await execa('tar', args, {reject: false, stdin: 'ignore'})
  if (result.failed) {
    rmSync(next, {force: true})
    throw new AisError({
      code: 'IO_ERROR',
      message: `cannot write ${file}: ${result.stderr.trim().split('\n').at(-1) ?? ''}`,
      hint: 'it needs GNU tar, and room for some 60 MB',
    })
  }
  renameSync(next, resolve(file))
}
