/**
 * Rules about the text of single files: what may not be written, how a file opens, what must be
 * explained. What oxlint, prettier, tsc and dependency-cruiser already check is not repeated here.
 */

import type {Finding, SourceFile} from './tree.ts'

/** A forbidden pattern and why. The patterns are written so that they do not match themselves. */
interface Ban {
  readonly pattern: RegExp
  readonly problem: string
}

const BANS: readonly Ban[] = [
  {pattern: /\bTO[D]O\b/, problem: 'finish it, or leave it out: no notes to a later self'},
  {pattern: /\bFIX[M]E\b/, problem: 'mend it now'},
  {pattern: /\bX[X]X\b/, problem: 'say what is meant'},
  {pattern: /\bHAC[K]\b/, problem: 'say why it is needed, or do it well'},
  {
    pattern: /@ts-(?:ignore|nocheck|expect-error)\b/,
    problem: 'mend the type instead of silencing it',
  },
  {pattern: /(?:eslint|oxlint)-disable/, problem: 'mend the code instead of silencing the rule'},
  {pattern: /prettier-ignor[e]/, problem: 'let the formatter format'},
  {pattern: /(?<![\w.~])\/work\//, problem: 'a path of one machine'},
  {pattern: /(?<![\w.~])\/home\/[a-z]/, problem: 'a path of one machine'},
  {
    pattern:
      /registry\.npmjs|pypi\.org|pythonhosted\.org|deb\.debian\.org|proxy\.golang|crates\.io/,
    problem: 'the host of a package registry: name the package, not where it comes from',
  },
  {
    pattern:
      /\b(?:protocol|wire-clients|wire-control|commands|operators|proving)(?:\.m[d]| \d\.\d)/,
    problem: 'a page that is not here: name the rule of src/core/DESIGN.md, or say it',
  },
]

/** Words, switches and paths that no file may hold. */
export function bannedText(file: SourceFile): readonly Finding[] {
  if (file.path === 'LICENSE') return []
  return file.text.split('\n').flatMap((text, index) =>
    BANS.filter(({pattern}) => pattern.test(text)).map(({problem}) => ({
      path: file.path,
      line: index + 1,
      problem: `${problem}: ${text.trim().slice(0, 80)}`,
    })),
  )
}

/** A file opens with a comment that says what it is, at least one sentence long. */
export function opener(file: SourceFile): readonly Finding[] {
  const body = file.text.replace(/^#!.*\n/, '')
  const block = /^\/\*\*?([\s\S]*?)\*\//.exec(body)?.[1] ?? /^(?:\/\/.*\n)+/.exec(body)?.[0] ?? ''
  const words = block.match(/[A-Za-z]{2,}/g) ?? []
  if (words.length >= OPENER_WORDS_MIN) return []
  return [{path: file.path, line: 1, problem: 'open with what the file is, and is not'}]
}

/** Fewer words than this name a file, they do not say what it is. */
const OPENER_WORDS_MIN = 6

/** An exported function of a pure folder or the kit has a docblock. */
export function docblocks(file: SourceFile): readonly Finding[] {
  const lines = file.text.split('\n')
  return lines.flatMap((line, index) => {
    const name = EXPORTED_FUNCTION.exec(line)?.[1]
    if (name === undefined || documented(lines, index, name)) return []
    return [{path: file.path, line: index + 1, problem: `${name} is exported without a docblock`}]
  })
}

const EXPORTED_FUNCTION =
  /^export (?:async )?(?:function\*? |const (?=\w+(?:: [^=]+)? = (?:async )?(?:<|\([^)]*\)(?:: [^=]+)? =>)))(\w+)/

/** Overloads share the docblock of the first signature. */
function documented(lines: readonly string[], index: number, name: string): boolean {
  const before = lines[index - 1]?.trim() ?? ''
  if (before.endsWith('*/')) return true
  return before.startsWith(`export function ${name}`)
}

/** Lines of at most 100 columns, but for those that only a long literal makes longer. */
export function columns(file: SourceFile): readonly Finding[] {
  return file.text.split('\n').flatMap((line, index) => {
    if (line.length <= COLUMNS_MAX || LONG_LITERAL.test(line)) return []
    return [{path: file.path, line: index + 1, problem: `${line.length} columns`}]
  })
}

const COLUMNS_MAX = 100
const LONG_LITERAL =
  /(['"`])(?:(?!\1).){50,}\1?|\/(?:[^/\n]|\\\/){50,}\/|^\s*(?:import|export) |https?:\/\//

/** Titles of tests are sentences that state behaviour: three words or more. */
export function testTitles(file: SourceFile): readonly Finding[] {
  return [...file.text.matchAll(/\.test\(\s*(['"`])((?:(?!\1).)*)\1/g)].flatMap((match) => {
    const title = match[2] ?? ''
    if (title.trim().split(/\s+/).length >= TITLE_WORDS_MIN) return []
    const line = file.text.slice(0, match.index).split('\n').length
    return [{path: file.path, line, problem: `title is no sentence: '${title}'`}]
  })
}

const TITLE_WORDS_MIN = 3

/** A command parses, calls one function and renders: 80 lines of code are plenty. */
export function commandLength(file: SourceFile): readonly Finding[] {
  const code = file.text.split('\n').filter((line) => !/^\s*(?:\/\/|\*|\/\*|$)/.test(line)).length
  if (code <= COMMAND_LINES_MAX) return []
  return [{path: file.path, line: code, problem: `${code} lines of code in a command`}]
}

const COMMAND_LINES_MAX = 80
