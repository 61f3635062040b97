/**
 * Rules about the repository as a whole: nothing orphaned, every folder tested, documents that name
 * only what exists, pins exact, one version, one licence.
 */

import {dirname, join, normalize} from 'node:path/posix'
import {pick, type Finding, type SourceFile} from './tree.ts'

/**
 * Every folder of src and every plugin has a unit test; every unit test has its folder. The kit is
 * a barrel: what it exports is tested where it lives.
 */
export function unitTwins(files: readonly SourceFile[]): readonly Finding[] {
  const tests = pick(files, /^test\/unit\/[^/]+\.test\.ts$/).map((file) => baseOf(file.path))
  const folders = new Set(
    files.flatMap(({path}) => {
      const match = /^(?:src|(plugins))\/(?!kit\/)([^/]+)\/.*\.ts$/.exec(path)
      return match === null ? [] : [match[1] === undefined ? match[2] : `plugins-${match[2]}`]
    }),
  )
  const missing = [...folders]
    .filter((folder) => !tests.some((test) => test === folder || test.startsWith(`${folder}-`)))
    .map((folder) => ({
      path: `test/unit/${folder}.test.ts`,
      line: 1,
      problem: `${folder} has no unit test`,
    }))
  const orphans = tests
    .filter((test) => test !== 'tidy' && !test.startsWith('bin'))
    .filter((test) => ![...folders].some((f) => test === f || test.startsWith(`${f}-`)))
    .map((test) => ({
      path: `test/unit/${test}.test.ts`,
      line: 1,
      problem: 'no folder of src has this name',
    }))
  return [...missing, ...orphans]
}

/** Entry points: what a runtime, oclif or a package's exports load by path. */
const ENTRIES = [
  /^src\/kit\/index\.ts$/,
  /^src\/node\/main\.ts$/,
  /\/(?:commands|hooks)\//,
  /^bin\//,
  /^test\//,
  /-(?:thread|worker)\.ts$/,
]

/** A source file that nothing imports and that is no entry point is dead. */
export function orphanSources(files: readonly SourceFile[]): readonly Finding[] {
  const code = pick(files, /^(?:src|plugins|test|bin)\/.*\.(?:ts|js)$/)
  const imported = new Set(code.flatMap((file) => importsOf(file)))
  return pick(code, /^(?:src|plugins)\/.*\.ts$/)
    .filter(({path}) => !imported.has(path) && !ENTRIES.some((entry) => entry.test(path)))
    .filter(({path}) => !code.some(({text}) => text.includes(`/${path.split('/').at(-1)}'`)))
    .map(({path}) => ({path, line: 1, problem: 'nothing imports this file'}))
}

function importsOf(file: SourceFile): readonly string[] {
  return [...file.text.matchAll(/(?:from|import|import\()\s*'(\.{1,2}\/[^']+)'/g)].map((match) =>
    normalize(join(dirname(file.path), match[1] ?? '')),
  )
}

/** Paths and `file` `name` pairs that the root documents mention exist. */
export function documentsAreTrue(files: readonly SourceFile[]): readonly Finding[] {
  const byPath = new Map(files.map((file) => [file.path, file.text]))
  const folders = new Set(files.flatMap(({path}) => parentsOf(path)))
  return pick(files, /^(?:README|ARCHITECTURE|CONTRIBUTING)\.md$/).flatMap((file) =>
    file.text.split('\n').flatMap((text, index) => [
      ...missingPaths(text, byPath, folders).map((problem) => ({
        path: file.path,
        line: index + 1,
        problem,
      })),
      ...missingNames(text, byPath).map((problem) => ({path: file.path, line: index + 1, problem})),
    ]),
  )
}

const MENTIONED = /`((?:src|plugins|test|bin|ansible|systemd)\/[\w./@-]*[\w/])`/g
const MENTIONED_NAME = /`((?:src|plugins|test|bin)\/[\w./-]+\.(?:ts|js))` `(\w+)`/g

function missingPaths(
  text: string,
  byPath: ReadonlyMap<string, string>,
  folders: ReadonlySet<string>,
): readonly string[] {
  return [...text.matchAll(MENTIONED)]
    .map((match) => (match[1] ?? '').replace(/\/$/, ''))
    .filter((path) => !byPath.has(path) && !folders.has(path))
    .map((path) => `${path} does not exist`)
}

function missingNames(text: string, byPath: ReadonlyMap<string, string>): readonly string[] {
  return [...text.matchAll(MENTIONED_NAME)]
    .filter((match) => !(byPath.get(match[1] ?? '') ?? '').includes(match[2] ?? ''))
    .map((match) => `${match[1]} has no ${match[2]}`)
}

function parentsOf(path: string): readonly string[] {
  const parts = path.split('/').slice(0, -1)
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'))
}

/**
 * Rules (`R8`), invariants (`C6`, `D3`) and sections (`DESIGN: leases`) that comments name are on
 * the page of rules, and no comment points at a page that is not here.
 */
export function rulesAreKnown(files: readonly SourceFile[]): readonly Finding[] {
  const page = files.find(({path}) => path === RULES)?.text ?? ''
  const rows = [...page.matchAll(/^\| ([RCD]\d+) \|/gm)].map((match) => match[1] ?? '')
  const sections = [...page.matchAll(/^## (\w+)$/gm)].map((match) => `DESIGN: ${match[1]}`)
  const known = new Set([...rows, ...sections])
  return pick(files, /^(?:src|test\/sim|plugins)\/.*\.ts$/).flatMap((file) =>
    file.text.split('\n').flatMap((text, index) =>
      [...text.matchAll(RULE_NAMED)]
        .map((match) => match[1] ?? match[0])
        .filter((name) => !known.has(name))
        .map((name) => ({path: file.path, line: index + 1, problem: `${name} is not in ${RULES}`})),
    ),
  )
}

const RULES = 'src/core/DESIGN.md'
/** In a comment or a quoted name: `R8`, `C6`, `DESIGN: own`. */
const RULE_NAMED = /(?<![\w-])(?:(?<=[('` ])([RCD]\d{1,2})(?=[)'`,:;. ])|DESIGN:? [\w.]+)/g

/** `aisctl …` lines in the README's code blocks name commands that exist. */
export function documentedCommands(files: readonly SourceFile[]): readonly Finding[] {
  const commands = new Set(
    files.flatMap(({path, text}) => {
      const match = /^(?:src\/cli|plugins\/[^/]+\/src)\/commands\/(.+?)(?:\/index)?\.ts$/.exec(path)
      return match === null ? [] : [(match[1] ?? '').replaceAll('/', ' '), ...aliasesOf(text)]
    }),
  )
  return pick(files, /^README\.md$/).flatMap((file) =>
    file.text.split('\n').flatMap((text, index) => {
      const line = /^\s*(?:\$ |sudo )?aisctl ([a-z][a-z -]*)/.exec(text)?.[1]
      if (line === undefined) return []
      const words = line.trim().split(/ +/)
      const known = words.some((_, n) => commands.has(words.slice(0, n + 1).join(' ')))
      if (known || words[0] === 'help') return []
      return [{path: file.path, line: index + 1, problem: `no such command: aisctl ${line.trim()}`}]
    }),
  )
}

/** Other names of a command: `aliases = ['put']`, with colons or spaces between the words. */
function aliasesOf(text: string): readonly string[] {
  const list = /aliases(?:: [^=]+)? = \[([^\]]*)\]/.exec(text)?.[1] ?? ''
  return [...list.matchAll(/'([^']+)'/g)].map((match) => (match[1] ?? '').replaceAll(':', ' '))
}

interface PackageJson {
  readonly name: string
  readonly version: string
  readonly license?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** Exact pins, one version in lockstep, one licence. */
export function packages(files: readonly SourceFile[]): readonly Finding[] {
  const all = pick(files, /^(?:plugins\/[^/]+\/)?package\.json$/).map((file) => ({
    path: file.path,
    json: JSON.parse(file.text) as PackageJson,
  }))
  const version = all.find(({path}) => path === 'package.json')?.json.version
  return all.flatMap(({path, json}) => [
    ...pinsOf(json)
      .filter(([, pin]) => !/^(?:\d+\.\d+\.\d+(?:-[\w.]+)?|file:\.)$/.test(pin))
      .map(([name, pin]) => ({path, line: 1, problem: `${name} is pinned as ${pin}: pin exactly`})),
    ...(json.version === version ? [] : [{path, line: 1, problem: `version is not ${version}`}]),
    ...(json.license === 'Apache-2.0' ? [] : [{path, line: 1, problem: 'licence is not named'}]),
  ])
}

function pinsOf(json: PackageJson): readonly (readonly [string, string])[] {
  return [json.dependencies, json.devDependencies, json.optionalDependencies].flatMap((set) =>
    Object.entries(set ?? {}),
  )
}

/** Every runtime dependency is imported somewhere, or named as a plugin of the command line. */
export function usedDependencies(files: readonly SourceFile[]): readonly Finding[] {
  const root = files.find(({path}) => path === 'package.json')
  if (root === undefined) return []
  const json = JSON.parse(root.text) as PackageJson & {oclif?: {plugins?: readonly string[]}}
  const code = pick(files, /^(?:src|plugins|bin)\/.*\.(?:ts|js)$/)
  return Object.keys(json.dependencies ?? {})
    .filter((name) => !(json.oclif?.plugins ?? []).includes(name))
    .filter((name) => {
      const imported = new RegExp(`(?:from|import\\() ?'${name}(?:/[^']*)?'`)
      return !code.some(({text}) => imported.test(text))
    })
    .map((name) => ({path: 'package.json', line: 1, problem: `nothing imports ${name}`}))
}

/** The lockfile names no registry and agrees with package.json. */
export function lockfile(lockText: string, packageText: string): readonly Finding[] {
  const path = 'package-lock.json'
  const lock = JSON.parse(lockText) as {packages: Record<string, PackageJson & {resolved?: string}>}
  const root = lock.packages['']
  const addresses = Object.entries(lock.packages)
    .filter(([, entry]) => /^(?:https?|git)/.test(entry.resolved ?? ''))
    .map(([name]) => ({path, line: 1, problem: `${name} carries the address of a registry`}))
  const pins = pinsOf(JSON.parse(packageText) as PackageJson)
  const locked = root === undefined ? new Map() : new Map(pinsOf(root))
  const stale = pins
    .filter(([name, pin]) => locked.get(name) !== pin)
    .map(([name]) => ({path, line: 1, problem: `${name} is not locked as package.json pins it`}))
  return [...addresses, ...stale]
}

/** CONTRIBUTING is short and says what each runtime dependency saves. */
export function contributing(text: string, packageText: string): readonly Finding[] {
  const path = 'CONTRIBUTING.md'
  const lines = text.split('\n').length
  const json = JSON.parse(packageText) as PackageJson
  const unexplained = Object.keys(json.dependencies ?? {})
    .filter((name) => !name.startsWith('@aisctl/') && !text.includes(`\`${name}\``))
    .map((name) => ({path, line: 1, problem: `does not say what ${name} saves`}))
  return lines <= CONTRIBUTING_LINES_MAX
    ? unexplained
    : [{path, line: lines, problem: `${lines} lines`}, ...unexplained]
}

const CONTRIBUTING_LINES_MAX = 120

function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).replace(/\.test\.ts$/, '')
}
