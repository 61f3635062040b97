/**
 * The Node.js binaries that are shipped: the one of this installation's npm packages, or one that
 * the operator has added for another architecture. Stripped once where binutils are there, then
 * kept in the cache.
 */

import {copyFileSync, existsSync, mkdirSync, openSync, readFileSync, readSync} from 'node:fs'
import {closeSync, renameSync, rmSync, statSync, writeFileSync, chmodSync} from 'node:fs'
import {createRequire} from 'node:module'
import {dirname, join} from 'node:path'
import {execa} from 'execa'
import {AisError} from '../../base/errors.ts'
import {cacheDir, dataDir} from '../../client/state-dir.ts'
import {sha256, type RuntimeFact} from '../host/manifest.ts'
import {hashFile} from './packed-file.ts'

/** `e_machine` of ELF. */
const MACHINES: Readonly<Record<number, string>> = {62: 'x64', 183: 'arm64'}
const STRIP_TIMEOUT_MS = 60_000

/** A runtime on this machine. */
export interface Runtime extends RuntimeFact {
  readonly file: string
}

/**
 * The runtime for an architecture. @throws AisError NOT_FOUND that names the command which adds it
 */
export async function findRuntime(arch: string): Promise<Runtime> {
  const source = addedRuntime(arch) ?? packagedRuntime(arch)
  if (source === undefined) {
    throw new AisError({
      code: 'NOT_FOUND',
      message: `there is no Node.js for ${arch} on this machine`,
      hint: `download node-v24…-linux-${arch}.tar.xz from nodejs.org and run: aisctl runtime add FILE`,
      details: {arch},
    })
  }
  return strippedRuntime(arch, source)
}

/** Architectures that can be shipped without adding anything. */
export function knownArchitectures(): string[] {
  return ['x64', 'arm64'].filter(
    (arch) => (addedRuntime(arch) ?? packagedRuntime(arch)) !== undefined,
  )
}

/**
 * Adds a runtime: a `node` binary or Node's own tarball.
 * @throws AisError BAD_REQUEST when it is neither
 */
export async function addRuntime(file: string): Promise<Runtime> {
  const directory = join(dataDir(), 'runtime')
  mkdirSync(directory, {recursive: true, mode: 0o700})
  const fresh = join(directory, `${process.pid}.new`)
  try {
    if (/\.(tar\.(xz|gz)|tgz|tar)$/.test(file)) await unpackNode(file, fresh)
    else copyFileSync(file, fresh)
    const arch = architectureOf(fresh)
    const version = versionOf(fresh)
    if (arch === undefined || version === undefined) throw noRuntime(file)
    chmodSync(fresh, 0o755)
    const home = join(directory, arch)
    mkdirSync(home, {recursive: true, mode: 0o700})
    renameSync(fresh, join(home, 'node'))
    writeFileSync(join(home, 'version'), `${version}\n`)
    return await findRuntime(arch)
  } finally {
    rmSync(fresh, {force: true})
  }
}

interface Source {
  readonly file: string
  readonly version: string
}

function addedRuntime(arch: string): Source | undefined {
  const home = join(dataDir(), 'runtime', arch)
  const file = join(home, 'node')
  if (!existsSync(file)) return undefined
  return {file, version: readFileSync(join(home, 'version'), 'utf8').trim()}
}

function packagedRuntime(arch: string): Source | undefined {
  const require = createRequire(import.meta.url)
  try {
    const manifest = require.resolve(`node-linux-${arch}/package.json`)
    const {version} = JSON.parse(readFileSync(manifest, 'utf8')) as {version: string}
    return {file: join(dirname(manifest), 'bin', 'node'), version}
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}

async function strippedRuntime(arch: string, source: Source): Promise<Runtime> {
  const {size, mtimeMs} = statSync(source.file)
  const key = sha256(`${source.file} ${size} ${mtimeMs}`).slice(0, 16)
  const home = join(cacheDir(), 'runtime', key)
  const note = join(home, 'runtime.json')
  if (existsSync(note)) {
    const {file, hash} = JSON.parse(readFileSync(note, 'utf8')) as {file: string; hash: string}
    if (existsSync(file)) return {arch, version: source.version, sha256: hash, file}
  }
  mkdirSync(home, {recursive: true, mode: 0o700})
  const file = await strip(source.file, join(home, 'node'))
  const hash = await hashFile(file)
  writeFileSync(`${note}.new`, JSON.stringify({file, hash}))
  renameSync(`${note}.new`, note)
  return {arch, version: source.version, sha256: hash, file}
}

/** Without binutils, or for an architecture that they do not know, the binary goes as it is. */
async function strip(from: string, to: string): Promise<string> {
  const result = await execa('strip', ['-o', to, '--', from], {
    reject: false,
    timeout: STRIP_TIMEOUT_MS,
  })
  return result.failed ? from : to
}

async function unpackNode(archive: string, to: string): Promise<void> {
  const extract = ['-xOf', archive, '--wildcards', '--no-anchored', '*/bin/node']
  const result = await execa('tar', extract, {
    reject: false,
    stdin: 'ignore',
    stdout: {file: to},
    buffer: false,
  })
  if (result.failed) throw noRuntime(archive)
}

function architectureOf(file: string): string | undefined {
  const head = Buffer.alloc(20)
  const descriptor = openSync(file, 'r')
  try {
    readSync(descriptor, head, 0, head.length, 0)
  } finally {
    closeSync(descriptor)
  }
  if (head.toString('latin1', 0, 4) !== '\u007fELF') return undefined
  return MACHINES[head.readUInt16LE(18)]
}

/** The version stands in the binary as the address of its headers; a foreign one cannot be run. */
function versionOf(file: string): string | undefined {
  const text = readFileSync(file).toString('latin1')
  return /node-v(\d+\.\d+\.\d+)-headers\.tar\.gz/.exec(text)?.[1]
}

function noRuntime(file: string): AisError {
  return new AisError({
    code: 'BAD_REQUEST',
    message: `${file} is no Node.js for Linux on x64 or arm64`,
    hint: 'give the tarball node-v24…-linux-ARCH.tar.xz of nodejs.org, or the binary in it',
  })
}
