// What `npm run up` and `npm test` share: run a command with its output kept, draw one line per
// step, make sure that packages are installed. Plain JavaScript that Node 18 runs before anything
// is there; it knows nothing of clusters.

import {spawn, spawnSync} from 'node:child_process'
import {createHash} from 'node:crypto'
import {existsSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'

/** The repository's root. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Lines of a command's output that are kept to be shown when it fails. */
const KEPT_LINES_MAX = 2000

const color = process.stdout.isTTY && process.env.NO_COLOR === undefined
const paint = (code, text) => (color ? `\u001B[${code}m${text}\u001B[0m` : text)
export const bold = (text) => paint(1, text)
export const dim = (text) => paint(2, text)
export const green = (text) => paint(32, text)
export const red = (text) => paint(31, text)
export const yellow = (text) => paint(33, text)

/** PATH with the packaged Node 24 first, once it is installed. */
export function environment(more = {}) {
  const PATH = `${join(ROOT, 'node_modules/.bin')}:${process.env.PATH ?? ''}:/usr/sbin:/sbin`
  return {...process.env, PATH, ...more}
}

/** Seconds since `startMs`, as text. */
export function seconds(startMs) {
  return `${((Date.now() - startMs) / 1000).toFixed(1)} s`
}

/**
 * Runs a command; resolves with its exit status and the last lines of its output. `onLine` hears
 * every line as it comes. No input is given: nothing may ask.
 */
export function run(command, args, {onLine, env, timeoutMs = 0} = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      env: environment(env),
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that all of it can be ended: npm and sh do not pass a signal on.
      detached: true,
    })
    running.add(child)
    const lines = []
    const hear = (line) => {
      lines.push(line)
      if (lines.length > KEPT_LINES_MAX) lines.shift()
      if (onLine !== undefined) onLine(line)
    }
    const timer =
      timeoutMs > 0
        ? setTimeout(() => {
            hear(`ended after ${timeoutMs / 1000} s: it took too long`)
            endGroup(child, 'SIGTERM')
            setTimeout(() => endGroup(child, 'SIGKILL'), PATIENCE_MS).unref()
          }, timeoutMs)
        : undefined
    splitLines(child.stdout, hear)
    splitLines(child.stderr, hear)
    child.on('error', (error) => hear(`${command}: ${error.message}`))
    child.on('close', (status, signal) => {
      clearTimeout(timer)
      running.delete(child)
      resolve({status: status ?? (signal === null ? 127 : 1), lines})
    })
  })
}

/** Commands under way, each with its group; ended with this process. */
const running = new Set()

/** What a command may take to clean up after itself once it was told to end. */
const PATIENCE_MS = 60_000

function endGroup(child, signal) {
  if (!running.has(child) || child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
}

for (const [signal, status] of Object.entries({SIGINT: 130, SIGTERM: 143, SIGHUP: 129})) {
  process.on(signal, () => {
    for (const child of running) endGroup(child, 'SIGTERM')
    process.exit(status)
  })
}

function splitLines(stream, hear) {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (text) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    for (const part of parts) hear(part)
  })
  stream.on('end', () => {
    if (rest !== '') hear(rest)
  })
}

/** Whether a program is in PATH (sbin included). */
export function has(program) {
  return spawnSync('sh', ['-c', `command -v ${program}`], {env: environment()}).status === 0
}

/** Whether this is root. */
export function isRoot() {
  return process.getuid !== undefined && process.getuid() === 0
}

/**
 * Why `npm ci` is needed, or null: node_modules is missing, or it does not hold what
 * package-lock.json says. Optional packages of other platforms may be absent.
 */
export function staleModules() {
  const installedPath = join(ROOT, 'node_modules/.package-lock.json')
  if (!existsSync(installedPath)) return 'node_modules is missing'
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages
  const installed = JSON.parse(readFileSync(installedPath, 'utf8')).packages
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.startsWith('node_modules/') || entry.link === true) continue
    const found = installed[path]
    if (found === undefined && entry.optional === true) continue
    if (found === undefined) return `${path} is missing`
    if (found.version !== entry.version) return `${path} is ${found.version}, not ${entry.version}`
  }
  return null
}

/** `npm ci`, exactly as the lockfile says, without scripts of packages. */
export function installModules(onLine) {
  const args = ['ci', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error']
  return run('npm', args, {onLine, timeoutMs: INSTALL_TIMEOUT_MS})
}

/** Debian packages by name; root only. `apt-get update` first, once. */
export async function installDebian(packages, onLine) {
  const env = {DEBIAN_FRONTEND: 'noninteractive'}
  const update = await run('apt-get', ['update', '-q'], {
    onLine,
    env,
    timeoutMs: INSTALL_TIMEOUT_MS,
  })
  if (update.status !== 0) return update
  const args = ['install', '-y', '-q', '--no-install-recommends', ...packages]
  return run('apt-get', args, {onLine, env, timeoutMs: INSTALL_TIMEOUT_MS})
}

/** A slow mirror is waited for this long, a dead one not for ever. */
const INSTALL_TIMEOUT_MS = 600_000

/** Which of the Debian packages are not installed. */
export function missingDebian(packages) {
  return packages.filter((name) => {
    const {stdout} = spawnSync('dpkg-query', ['-W', '-f=${Status}', name], {encoding: 'utf8'})
    return stdout === null || !stdout.includes('install ok installed')
  })
}

/** SHA-256 of a text, in hex; names what was built from what. */
export function sha256(text) {
  return createHash('sha256').update(text).digest('hex')
}

/** The lab's own list of Debian packages, read as text: this file cannot import TypeScript. */
export function labPackages() {
  const text = readFileSync(join(ROOT, 'plugins/lab/src/lab/requirements.ts'), 'utf8')
  const pairs = [...text.matchAll(/^ +'[\w.-]+': '([a-z0-9.+-]+)',$/gm)]
  return [...new Set(pairs.map((match) => match[1]))]
}
