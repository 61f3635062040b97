/**
 * A directory that stands for a host: apply.sh and Ansible's manifest.py work below it, with
 * systemctl, mountpoint and the like replaced by small programs that keep their state in files.
 * What they do to files is real; users are the one that runs the tests.
 */

import {execFileSync, spawnSync} from 'node:child_process'
import {chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync} from 'node:fs'
import {readlinkSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {gzipSync} from 'node:zlib'
import {applyManifest, type ApplyOptions, type ApplyReport} from '../../../src/ops/host/apply.ts'
import type {Host} from '../../../src/ops/host/host.ts'
import {localHost} from '../../../src/ops/host/local-host.ts'
import {sha256, type Manifest, type ManifestEntry} from '../../../src/ops/host/manifest.ts'
import type {Frame} from '../../../src/ops/host/script.ts'

export interface ScratchHost {
  readonly root: string
  readonly host: Host
  /** Marks a directory below the root as mounted, as the programs see it. */
  mount(path: string): void
  unmount(path: string): void
  /** Replaces a program of the host by a script; `$SCRATCH` is the directory of the test. */
  program(name: string, text: string): void
  /** Units as the fake systemctl keeps them. */
  units(): {active: string[]; enabled: string[]; log: string[]}
  apply(
    manifest: Manifest,
    payload?: readonly string[],
    mode?: ApplyOptions['mode'],
    through?: Host,
  ): Promise<ApplyReport>
  /** The same through Ansible's module code. */
  applyWithPython(manifest: Manifest, payload?: readonly string[]): PythonReport
  /** Every path below the root but the programs' own, with its kind, mode and content. */
  tree(): Record<string, string>
}

export interface PythonReport {
  readonly entries: readonly {type: string; path: string; state: string}[]
  readonly pending: readonly string[]
}

const PROGRAMS: Readonly<Record<string, string>> = {
  'systemctl': `s=$SCRATCH/systemd; mkdir -p $s/active $s/enabled $s/id; rc=0; verb=$1; shift
[ $verb != show ] || { case $2 in
  InvocationID) cat $s/id/$4 2>/dev/null ;;
  ActiveState) [ -e $s/active/$4 ] && echo active || echo inactive ;;
  esac; exit 0; }
printf '%s %s\\n' $verb "$*" >>$s/log
for u in "$@"; do case $u in --now) now=1; continue ;; -*) continue ;; esac; case $verb in
  disable) rm -f $s/enabled/$u; [ -z "\${now-}" ] || rm -f $s/active/$u ;;
  is-active) if [ -e $s/active/$u ]; then rc=0; echo active; else rc=3; echo inactive; fi ;;
  is-enabled) [ -e $s/enabled/$u ] && echo enabled || echo disabled ;;
  enable) : >$s/enabled/$u ;; stop) rm -f $s/active/$u ;;
  start) [ -e $s/active/$u ] || { date +%N >$s/id/$u; : >$s/active/$u; } ;;
  esac; done; exit $rc`,
  'mountpoint': `[ "$2" = . ] && d=$(pwd) || d=$2; [ -e "$SCRATCH/mounts/$(echo "$d" | tr / _)" ]`,
  'systemd-detect-virt': `[ -e $SCRATCH/container ]`,
  'systemd-sysusers': 'cat >/dev/null',
}

/** @param directory of the test; empty, or of an earlier scratch host that goes on */
export function scratchHost(directory: string, name = 'scratch'): ScratchHost {
  const root = join(directory, 'root')
  const programs = join(directory, 'bin')
  for (const path of [root, programs, join(directory, 'mounts')]) mkdirSync(path, {recursive: true})
  const environment = {SCRATCH: directory, PATH: `${programs}:${process.env['PATH'] ?? ''}`}
  const host = {...withEnvironment(localHost(name), environment), root}
  const program = (file: string, text: string): void => {
    writeFileSync(join(programs, file), `#!/bin/sh\n${text}\n`)
    chmodSync(join(programs, file), 0o755)
  }
  for (const [file, text] of Object.entries(PROGRAMS)) {
    if (!existsSync(join(programs, file))) program(file, text)
  }
  const mark = (path: string): string =>
    join(directory, 'mounts', `${root}${path}`.replaceAll('/', '_'))
  const list = (kind: string): string[] => {
    const path = join(directory, 'systemd', kind)
    return existsSync(path) ? readdirSync(path).toSorted() : []
  }
  return {
    root,
    host,
    program,
    mount: (path) => {
      mkdirSync(join(root, path), {recursive: true})
      writeFileSync(mark(path), '')
    },
    unmount: (path) => execFileSync('rm', ['-f', mark(path)]),
    units: () => ({
      active: list('active'),
      enabled: list('enabled'),
      log: readFileSync(join(directory, 'systemd', 'log'), 'utf8').split('\n'),
    }),
    apply: (manifest, payload = [], mode = 'apply', through = host) =>
      applyManifest(through, manifest, {mode, payload: payload.map(blob), secrets: SECRETS}),
    applyWithPython: (manifest, payload = []) =>
      runPython({directory, root, environment, manifest, payload}),
    tree: () => Object.fromEntries(walk(root, '')),
  }
}

/** Secrets of the manifests that tests apply. */
export const SECRETS = {'cluster-key': `${'ab'.repeat(32)}\n`}

/** The manifest with users and units that a test machine can have. */
export function forThisUser(manifest: Manifest): Manifest {
  const name = execFileSync('id', ['-un'], {encoding: 'utf8'}).trim()
  const group = execFileSync('id', ['-gn'], {encoding: 'utf8'}).trim()
  const adapt = (entry: ManifestEntry): ManifestEntry => ({
    ...entry,
    ...(entry.owner === undefined ? {} : {owner: `${name}:${group}`}),
    ...(entry.type === 'user' ? {path: name} : {}),
  })
  return {...manifest, entries: manifest.entries.map(adapt)}
}

function blob(text: string): Frame {
  const bytes = gzipSync(text)
  const hash = sha256(text)
  const packed = {encoding: 'gzip', packedSha256: sha256(bytes), length: bytes.length} as const
  return {kind: 'blob', sha256: hash, ...packed, open: () => bytes}
}

function withEnvironment(host: Host, environment: Readonly<Record<string, string>>): Host {
  const words = Object.entries(environment).map(([key, value]) => `${key}=${value}`)
  return {
    ...host,
    run: (command) =>
      host.run({...command, asRoot: false, argv: ['env', ...words, ...command.argv]}),
  }
}

interface PythonRun {
  readonly directory: string
  readonly root: string
  readonly environment: Readonly<Record<string, string>>
  readonly manifest: Manifest
  readonly payload: readonly string[]
}

const DRIVER = `
import base64, importlib.util, json, sys
spec = importlib.util.spec_from_file_location('manifest', sys.argv[1])
m = importlib.util.module_from_spec(spec); spec.loader.exec_module(m)
work = json.load(sys.stdin); host = m.Host(work['root'])
lock = host.lock(); report = m.compare(host, work['manifest'])
m.apply(host, work['manifest'], report, work['payload'],
        {k: base64.b64encode(v.encode()).decode() for k, v in work['secrets'].items()})
print(json.dumps({'entries': report, 'pending': m.pending_units(host)}))
`

function runPython({directory, root, environment, manifest, payload}: PythonRun): PythonReport {
  const brought = join(directory, 'payload')
  mkdirSync(brought, {recursive: true})
  for (const text of payload) writeFileSync(join(brought, `${sha256(text)}.gz`), gzipSync(text))
  const module = new URL('../../../ansible/plugins/module_utils/apply.py', import.meta.url).pathname
  const result = spawnSync('python3', ['-B', '-c', DRIVER, module], {
    input: JSON.stringify({root, manifest, payload: brought, secrets: SECRETS}),
    env: {...process.env, ...environment},
    encoding: 'utf8',
  })
  if (result.status !== 0) throw new Error(result.stderr)
  return JSON.parse(result.stdout) as PythonReport
}

function walk(root: string, path: string): [string, string][] {
  return readdirSync(join(root, path))
    .toSorted()
    .flatMap((name): [string, string][] => {
      const inner = `${path}/${name}`
      const found = lstatSync(join(root, inner))
      const mode = (found.mode & 0o7777).toString(8)
      if (found.isSymbolicLink()) return [[inner, `link ${readlinkSync(join(root, inner))}`]]
      if (found.isDirectory()) return [[inner, `dir ${mode}`], ...walk(root, inner)]
      return [[inner, `file ${mode} ${sha256(readFileSync(join(root, inner)))}`]]
    })
}
