/**
 * The repository's own files as values, for the rules of `tidy.test.ts`: what a fresh clone holds,
 * nothing that was built or installed.
 */

import {readdirSync, readFileSync} from 'node:fs'
import {join, relative, sep} from 'node:path'
import {fileURLToPath} from 'node:url'

/** A text file: path from the repository's root with forward slashes, and its text. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

/** What a rule found: where, and what is wrong there, in words that say how to mend it. */
export interface Finding {
  readonly path: string
  readonly line: number
  readonly problem: string
}

/** The repository's root. */
export const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

const SKIPPED = new Set(['node_modules', 'dist', '.git', '.tap', 'fixtures', 'package-lock.json'])
const TEXT = /\.(ts|js|mjs|cjs|json|md|yml|yaml|py|sh|service|target|slice|conf|cfg|j2|toml|txt)$/
const NAMED_TEXT = new Set(['LICENSE', '.npmrc', '.taprc', '.gitignore', 'run'])

/** Every text file below `root`, sorted by path. */
export function readTree(root: string = ROOT): readonly SourceFile[] {
  return readdirSync(root, {withFileTypes: true, recursive: false})
    .filter((entry) => !SKIPPED.has(entry.name))
    .flatMap((entry) => {
      const path = join(root, entry.name)
      if (entry.isDirectory()) return walk(root, path)
      return entry.isFile() && isText(entry.name) ? [load(root, path)] : []
    })
    .toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

/** The files whose path matches `pattern`. */
export function pick(files: readonly SourceFile[], pattern: RegExp): readonly SourceFile[] {
  return files.filter((file) => pattern.test(file.path))
}

function walk(root: string, folder: string): readonly SourceFile[] {
  return readdirSync(folder, {withFileTypes: true})
    .filter((entry) => !SKIPPED.has(entry.name))
    .flatMap((entry) => {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return walk(root, path)
      return entry.isFile() && isText(entry.name) ? [load(root, path)] : []
    })
}

function isText(name: string): boolean {
  return TEXT.test(name) || NAMED_TEXT.has(name)
}

function load(root: string, path: string): SourceFile {
  return {path: relative(root, path).split(sep).join('/'), text: readFileSync(path, 'utf8')}
}
