/**
 * `npm run test:coverage`: how much of each pure folder its unit tests run, and which lines they do not.
 * The pure folders are held to the share below; the rest of the code is held by the other rings.
 */

import {spawnSync} from 'node:child_process'
import {existsSync, readdirSync, readFileSync, rmSync} from 'node:fs'
import {relative} from 'node:path'
import {fileURLToPath} from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PURE = ['base', 'model', 'wire', 'core'] as const
/** Share of lines that must run, by folder. */
const LINES_MIN = 100

interface Covered {
  readonly lines: {readonly total: number; readonly covered: number}
}

function testsOf(folder: string): readonly string[] {
  const name = new RegExp(`^${folder}(?:-[\\w-]+)?\\.test\\.ts$`)
  return readdirSync(`${ROOT}/test/unit`)
    .filter((file) => name.test(file))
    .map((file) => `test/unit/${file}`)
}

function main(): number {
  const report = `${ROOT}/.tap/report/coverage-summary.json`
  const args = [
    '--jobs=2',
    '--reporter=terse',
    '--coverage-report=json-summary',
    '--show-full-coverage',
  ]
  // A report that an earlier run has left says nothing about this one.
  rmSync(report, {force: true})
  spawnSync('tap', [...args, ...PURE.flatMap(testsOf)], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if (!existsSync(report)) throw new Error('tap left no coverage summary: did the tests run?')
  const files = Object.entries(JSON.parse(readFileSync(report, 'utf8')) as Record<string, Covered>)
  const shares = PURE.map((folder) => {
    const inside = files.filter(([path]) => relative(ROOT, path).startsWith(`src/${folder}/`))
    const total = inside.reduce((sum, [, {lines}]) => sum + lines.total, 0)
    const covered = inside.reduce((sum, [, {lines}]) => sum + lines.covered, 0)
    const share = total === 0 ? 100 : (100 * covered) / total
    process.stdout.write(`src/${folder}: ${share.toFixed(2)} % of ${total} lines\n`)
    for (const [path, {lines}] of inside) {
      if (lines.covered === lines.total) continue
      process.stdout.write(
        `  ${relative(ROOT, path)}: ${lines.total - lines.covered} lines never run\n`,
      )
    }
    return share
  })
  return shares.every((share) => share >= LINES_MIN) ? 0 : 1
}

process.exitCode = main()
