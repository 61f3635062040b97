/**
 * A bundle as the payload of a deploy. Every file that is used is compared with its checksum first;
 * what is unpacked lies in the cache, by the hash of its content.
 */

import {createHash} from 'node:crypto'
import {createReadStream, createWriteStream, existsSync, mkdirSync, openSync} from 'node:fs'
import {closeSync, mkdtempSync, readFileSync, readSync, renameSync, rmSync, statSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {Transform} from 'node:stream'
import {pipeline} from 'node:stream/promises'
import {createGunzip} from 'node:zlib'
import {execa} from 'execa'
import {AisError} from '../../base/errors.ts'
import {cacheDir} from '../../client/state-dir.ts'
import {
  ABOUT,
  BUNDLE_FOLDER,
  DAEMON,
  parseAbout,
  parseSums,
  runtimeFile,
  SUMS,
  type About,
} from './bundle-layout.ts'
import {hashFile} from './packed-file.ts'
import type {Payload} from './release.ts'
import type {Runtime} from './runtime.ts'

const TAR_MAGIC_AT = 257

/** Whether a path is a bundle, packed or unpacked, and not a daemon alone. */
export function isBundle(path: string): boolean {
  if (!existsSync(path)) return false
  if (statSync(path).isDirectory()) return existsSync(join(path, ABOUT))
  const head = Buffer.alloc(5)
  const descriptor = openSync(path, 'r')
  try {
    readSync(descriptor, head, 0, head.length, TAR_MAGIC_AT)
  } finally {
    closeSync(descriptor)
  }
  return head.toString('latin1') === 'ustar'
}

/** @throws AisError BAD_CHECKSUM, BAD_REQUEST, INCOMPATIBLE; then nothing of it has been used */
export async function openBundle(path: string): Promise<Payload> {
  if (statSync(path).isDirectory()) return payloadOf(path, path)
  const fresh = mkdtempSync(join(tmpdir(), 'aisctl-bundle-'))
  try {
    await unpackInto(path, fresh)
    return await payloadOf(path, join(fresh, BUNDLE_FOLDER))
  } finally {
    rmSync(fresh, {recursive: true, force: true})
  }
}

/** Only what a deploy uses. */
async function unpackInto(path: string, directory: string): Promise<void> {
  const members = [ABOUT, SUMS, DAEMON, 'runtime'].map((name) => `${BUNDLE_FOLDER}/${name}`)
  const args = ['-xf', path, '-C', directory, '--no-same-owner', '--', ...members]
  const {failed} = await execa('tar', args, {reject: false, stdin: 'ignore'})
  if (failed) throw damaged(path, 'it cannot be unpacked')
}

async function payloadOf(bundle: string, folder: string): Promise<Payload> {
  const sums = parseSums(textOf(bundle, join(folder, SUMS)))
  const text = textOf(bundle, join(folder, ABOUT))
  await verify(bundle, folder, ABOUT, sums)
  const about = parseAbout(text, bundle)
  await verify(bundle, folder, DAEMON, sums)
  const {release} = about
  const daemon = await keep(join(folder, DAEMON), release.sha256, {bundle, packed: false})
  const runtimes = new Map<string, Runtime>()
  for (const runtime of about.runtimes) {
    const name = runtimeFile(runtime.arch)
    await verify(bundle, folder, name, sums)
    const file = await keep(join(folder, name), runtime.sha256, {bundle, packed: true})
    runtimes.set(runtime.arch, {...runtime, file})
  }
  return {
    release: {...release, file: daemon},
    architectures: [...runtimes.keys()],
    runtime: (arch) => {
      const found = runtimes.get(arch)
      return found === undefined
        ? Promise.reject(missing(bundle, arch, about))
        : Promise.resolve(found)
    },
  }
}

async function verify(
  bundle: string,
  folder: string,
  name: string,
  sums: ReadonlyMap<string, string>,
): Promise<void> {
  const path = join(folder, name)
  if (!existsSync(path)) throw damaged(bundle, `${name} is missing`)
  if ((await hashFile(path)) !== sums.get(name)) throw damaged(bundle, `${name} is not what it was`)
}

interface Origin {
  readonly bundle: string
  readonly packed: boolean
}

/** The content in the cache, its hash compared on the way or where it lies. */
async function keep(from: string, sha256: string, {bundle, packed}: Origin): Promise<string> {
  const to = join(cacheDir(), 'bundle', sha256)
  if (existsSync(to) && (await hashFile(to)) === sha256) return to
  mkdirSync(dirname(to), {recursive: true, mode: 0o700})
  const next = `${to}.${process.pid}.new`
  const hash = createHash('sha256')
  const hashing = new Transform({
    transform: (chunk: Uint8Array, _encoding, done) => {
      hash.update(chunk)
      done(null, chunk)
    },
  })
  const target = createWriteStream(next, {mode: 0o755})
  try {
    if (packed) await pipeline(createReadStream(from), createGunzip(), hashing, target)
    else await pipeline(createReadStream(from), hashing, target)
    if (hash.digest('hex') !== sha256) throw damaged(bundle, 'its content is not what it says')
    renameSync(next, to)
  } finally {
    rmSync(next, {force: true})
  }
  return to
}

function textOf(bundle: string, path: string): string {
  if (!existsSync(path)) throw damaged(bundle, `${path.slice(dirname(path).length + 1)} is missing`)
  return readFileSync(path, 'utf8')
}

function damaged(bundle: string, why: string): AisError {
  return new AisError({
    code: 'BAD_CHECKSUM',
    message: `${bundle} is damaged: ${why}; nothing of it was used`,
    hint: 'take another copy of it',
  })
}

function missing(bundle: string, arch: string, {runtimes}: About): AisError {
  const there = runtimes.map((runtime) => runtime.arch).join(', ')
  return new AisError({
    code: 'NOT_FOUND',
    message: `${bundle} has no Node.js for ${arch}; it has ${there}`,
    hint: `make one where there is: aisctl bundle create --arch ${there},${arch} FILE`,
    details: {arch},
  })
}
