/**
 * Style as a failing test. Each rule is applied to the repository, and shown to catch a violation:
 * a rule that cannot fail is no rule. The rules themselves are in test/helpers/tidy.
 */

import {spawnSync} from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import t, {type Test} from 'tap'
import {
  bannedText,
  columns,
  commandLength,
  docblocks,
  opener,
  testTitles,
} from '../helpers/tidy/text-rules.ts'
import {
  contributing,
  documentedCommands,
  documentsAreTrue,
  lockfile,
  orphanSources,
  packages,
  rulesAreKnown,
  unitTwins,
  usedDependencies,
} from '../helpers/tidy/tree-rules.ts'
import {SETTING_KEYS, hasEffect} from '../../src/model/config/schema.ts'
import {OBJECT_MUTANTS} from '../sim/objects/mutants.ts'
import {MUTANTS, NO_CHECK_QUORUM} from '../sim/world/mutants.ts'
import {pick, readTree, ROOT, type Finding, type SourceFile} from '../helpers/tidy/tree.ts'

const tree = readTree()
const CODE = /^(?:src|plugins|test|bin)\/.*\.(?:ts|js)$/
const DOCUMENTED = /^src\/(?:base|model|wire|core|kit)\/.*\.ts$/
const COMMANDS = /^(?:src\/cli|plugins\/[^/]+\/src)\/commands\/.*\.ts$/

/** Findings as lines that a terminal makes clickable. */
function lines(findings: readonly Finding[]): readonly string[] {
  return findings.map(({path, line, problem}) => `${path}:${line} ${problem}`)
}

/** A file of one sample text. */
function sample(text: string, path = 'src/node/sample.ts'): SourceFile {
  return {path, text}
}

t.test('no file holds a banned word, a silenced rule, a machine path or a registry', (t) => {
  t.strictSame(lines(tree.flatMap(bannedText)), [])
  const bad = [
    '// TO' + 'DO later',
    '// FIX' + 'ME',
    '// X' + 'XX',
    '// @ts' + '-ignore',
    '// ox' + 'lint-disable-next-line',
    'const root = "/wo' + 'rk/main"',
    'https://registry.np' + 'mjs.org/x',
    'as in proto' + 'col.md 3.1',
  ]
  for (const text of bad) t.equal(bannedText(sample(text)).length, 1, `caught: ${text}`)
  t.strictSame(bannedText(sample("mkdtemp('aisctl.XXXX" + "XX')")), [], 'a template is no mark')
  t.end()
})

t.test('a setting says that it has an effect exactly when something heeds it', (t) => {
  // Rules between settings are in its folder: they heed nothing.
  const code = pick(tree, /^src\/(?!model\/config\/)/)
  for (const key of SETTING_KEYS) {
    const quoted = code.filter(({text}) => text.includes(`'${key}'`))
    const heeded = quoted.some(({text}) => new RegExp(`setting\\([^)]*\\)?, '${key}'`).test(text))
    if (hasEffect(key)) t.not(quoted.length, 0, `${key}: nothing heeds it`)
    else t.notOk(heeded, `${key}: it is heeded, and its text says that it is not`)
  }
  t.end()
})

t.test('every source file opens with what it is; a command says it in its summary', (t) => {
  const opened = pick(tree, CODE).filter((file) => !COMMANDS.test(file.path))
  t.strictSame(lines(opened.flatMap(opener)), [])
  const silent = pick(tree, COMMANDS).filter(({text}) => !/ summary =/.test(text))
  t.strictSame(silent, [])
  t.equal(opener(sample("import x from 'x'\n")).length, 1)
  t.equal(opener(sample('/** Helpers. */\n')).length, 1, 'one word says nothing')
  t.strictSame(
    opener(sample('#!/usr/bin/env node\n// Hands over to the packaged Node at once.\n')),
    [],
  )
  t.end()
})

t.test('every exported function of a pure folder or the kit has a docblock', (t) => {
  t.strictSame(lines(pick(tree, DOCUMENTED).flatMap(docblocks)), [])
  t.equal(docblocks(sample('export function f(): void {}')).length, 1)
  t.equal(docblocks(sample('export const f = (x: number): number => x')).length, 1)
  t.strictSame(docblocks(sample('/** Says it. */\nexport function f(): void {}')), [])
  t.end()
})

t.test('no line is wider than 100 columns but for a long literal', (t) => {
  t.strictSame(lines(pick(tree, CODE).flatMap(columns)), [])
  t.equal(columns(sample(`// ${'word '.repeat(25)}`)).length, 1)
  t.strictSame(columns(sample(`  const text = '${'word '.repeat(25)}'`)), [])
  t.end()
})

t.test('every test title is a sentence', (t) => {
  t.strictSame(lines(pick(tree, /\.test\.ts$/).flatMap(testTitles)), [])
  t.equal(testTitles(sample('t.test' + "('works', () => {})")).length, 1)
  t.end()
})

t.test('every command is short: it parses, calls one function and renders', (t) => {
  t.strictSame(lines(pick(tree, COMMANDS).flatMap(commandLength)), [])
  t.equal(commandLength(sample('work()\n'.repeat(81))).length, 1)
  t.end()
})

t.test('every folder of src and every plugin has its unit test, and the other way round', (t) => {
  t.strictSame(lines(unitTwins(tree)), [])
  const bad = [sample('', 'src/wire/a.ts'), sample('', 'test/unit/gone.test.ts')]
  t.equal(unitTwins(bad).length, 2)
  t.strictSame(
    unitTwins([sample('', 'src/node/a.ts'), sample('', 'test/unit/node-http.test.ts')]),
    [],
  )
  t.end()
})

t.test('nothing in src and plugins is dead: each file is imported or an entry point', (t) => {
  t.strictSame(lines(orphanSources(tree)), [])
  const used = sample("import {b} from './b.ts'", 'src/kit/index.ts')
  t.equal(orphanSources([used, sample('', 'src/kit/b.ts'), sample('', 'src/kit/c.ts')]).length, 1)
  t.end()
})

t.test('the documents name only files, functions and commands that exist', (t) => {
  t.strictSame(lines(documentsAreTrue(tree)), [])
  t.strictSame(lines(documentedCommands(tree)), [])
  const code = sample('export const step = 1', 'src/core/step.ts')
  const bad = sample('`src/gone.ts` and `src/core/step.ts` `leap`', 'ARCHITECTURE.md')
  t.equal(documentsAreTrue([code, bad]).length, 2)
  t.equal(documentedCommands([sample('aisctl fly h1', 'README.md')]).length, 1)
  t.end()
})

t.test('rules and invariants that comments name are on the page of rules', (t) => {
  t.strictSame(lines(rulesAreKnown(tree)), [])
  const page = sample('## own\n| R1 | x |\n', 'src/core/DESIGN.md')
  const good = sample('// As R1 and DESIGN: own have it.\n')
  t.strictSame(rulesAreKnown([page, good]), [])
  t.equal(rulesAreKnown([page, sample('// See (R2), DESIGN 3.1 and DESIGN: fence.')]).length, 3)
  t.end()
})

t.test('packages are pinned exactly, share one version and name their licence', (t) => {
  t.strictSame(lines(packages(tree)), [])
  const bad = {name: 'x', version: '1.0.0', license: 'MIT', dependencies: {koa: '^3.0.0'}}
  t.equal(packages([sample(JSON.stringify(bad), 'package.json')]).length, 2)
  t.match(tree.find(({path}) => path === 'LICENSE')?.text, /Apache License/)
  t.strictSame(lines(usedDependencies(tree)), [])
  const unused = {name: 'x', version: '1.0.0', dependencies: {koa: '3.3.0', got: '16.1.0'}}
  const using = sample("import {got} from 'got'")
  t.equal(usedDependencies([sample(JSON.stringify(unused), 'package.json'), using]).length, 1)
  t.end()
})

t.test('the lockfile names no registry and agrees with package.json', (t) => {
  const lock = readFileSync(join(ROOT, 'package-lock.json'), 'utf8')
  const json = readFileSync(join(ROOT, 'package.json'), 'utf8')
  t.strictSame(lines(lockfile(lock, json)), [])
  const bad = {packages: {'': {}, 'node_modules/koa': {resolved: 'https://host/koa.tgz'}}}
  t.equal(lockfile(JSON.stringify(bad), '{"dependencies": {"koa": "3.3.0"}}').length, 2)
  t.end()
})

t.test('CONTRIBUTING is short and explains each runtime dependency', (t) => {
  const json = readFileSync(join(ROOT, 'package.json'), 'utf8')
  const text = tree.find(({path}) => path === 'CONTRIBUTING.md')?.text ?? ''
  t.strictSame(lines(contributing(text, json)), [])
  t.equal(contributing('\n'.repeat(130), '{"dependencies": {"koa": "3.3.0"}}').length, 2)
  t.end()
})

/** A repository in small that breaks the rules of oxlint and dependency-cruiser. */
const BAD_TREE = {
  'package.json': '{"type": "module"}',
  'src/core/x/bad.ts': `import {readFileSync} from 'node:fs'
import koa from 'koa'
import {send} from '../../node/send.ts'
export async function late(): Promise<void> {}
export default function act(value: any, kind: 'a' | 'b', more: {n?: number}): number {
  setTimeout(() => Math.random(), Date.now())
  console.log(process.env, readFileSync, koa, send, value)
  late()
  try { act(1, 'a', {}) } catch {}
  switch (kind) { case 'a': return more.n! }
  throw 'text'
}
`,
  'src/core/y/also.ts': "import {late} from '../x/bad.ts'\nexport const again = late\n",
  'src/node/send.ts': 'export const send = 1\n',
  'src/ops/one.ts': "import {two} from './two.ts'\nexport type One = 1\nexport const one = two\n",
  'src/ops/two.ts': "import type {One} from './one.ts'\nexport const two: One = 1\n",
  'plugins/lab/src/lab.ts': "export {one} from '../../../src/ops/one.ts'\n",
}

/** Writes the sample outside of the repository: what git ignores, the linter passes over. */
function badTree(t: Test): string {
  const root = mkdtempSync(join(tmpdir(), 'tidy-'))
  t.teardown(() => rmSync(root, {recursive: true, force: true}))
  for (const [path, text] of Object.entries(BAD_TREE)) {
    mkdirSync(dirname(join(root, path)), {recursive: true})
    writeFileSync(join(root, path), text)
  }
  for (const name of ['.oxlintrc.json', '.dependency-cruiser.cjs', 'tsconfig.json']) {
    cpSync(join(ROOT, name), join(root, name))
  }
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'))
  return root
}

function tool(root: string, name: string, args: readonly string[]): string {
  const bin = join(ROOT, 'node_modules/.bin', name)
  // tap gives every child its own loader, which is not for tools that are programs of their own.
  const shell = ['-c', 'NODE_OPTIONS= exec "$0" "$@"', bin, ...args]
  const {stdout, stderr, status} = spawnSync('sh', shell, {cwd: root, encoding: 'utf8'})
  return `${stdout}${stderr}\nexit ${status}`
}

t.test('the linter catches what may not be written', (t) => {
  const output = tool(badTree(t), 'oxlint', ['--type-aware', '--format=unix', 'src', 'plugins'])
  const rules = [
    'no-restricted-globals',
    'no-restricted-properties',
    'no-restricted-imports',
    'no-async-await',
    'no-console',
    'no-default-export',
    'no-explicit-any',
    'no-non-null-assertion',
    'no-empty',
    'no-floating-promises',
    'switch-exhaustiveness-check',
    'only-throw-error',
  ]
  for (const rule of rules) t.match(output, `(${rule})`)
  t.match(output, 'exit 1')
  t.end()
})

t.test('the arrows catch forbidden imports and cycles, type imports included', (t) => {
  const args = ['--config', '.dependency-cruiser.cjs', 'src', 'plugins']
  const output = tool(badTree(t), 'depcruise', args)
  const rules = [
    'arrow-core',
    'protocols-apart',
    'pure-imports-no-node-module',
    'pure-imports-no-package',
    'plugins-import-kit-only',
    'no-cycle',
  ]
  for (const rule of rules) t.match(output, `error ${rule}:`)
  t.end()
})

t.test('the line that each mutant of the simulator changes is there exactly once', (t) => {
  for (const {name, edit} of [...MUTANTS, ...OBJECT_MUTANTS, NO_CHECK_QUORUM]) {
    if (edit === undefined) continue
    const source = readFileSync(join(ROOT, 'src', edit.file), 'utf8')
    t.equal(source.split(edit.from).length - 1, 1, `${name}: ${edit.file}`)
  }
  t.end()
})
