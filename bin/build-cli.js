// Compiles the command line: src/ into dist/, each plugin into its own dist/, and a manifest of
// commands beside each package.json. Compiled files share chunks, so that a command loads what it
// needs and no more. Plain JavaScript; called by build.js, or by itself.
import {
  copyFileSync,
  existsSync,
  globSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import {basename, join} from 'node:path'
import {fileURLToPath} from 'node:url'

import {Plugin} from '@oclif/core'
import {build} from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const require =
  "import {createRequire as __createRequire} from 'node:module';const require=__createRequire(import.meta.url);"

const common = {
  bundle: true,
  splitting: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  legalComments: 'none',
  logLevel: 'warning',
  // Packages that are CommonJS inside still call require for Node's own modules.
  banner: {js: require},
}

/** No command runs longer than this and loads a part of itself for the first time. */
const OLD_MS = 3_600_000

export async function buildCli() {
  await buildRoot()
  const plugins = readdirSync(join(root, 'plugins')).map((name) => join(root, 'plugins', name))
  for (const plugin of plugins) await buildPlugin(plugin)
  const sizes = [await writeManifest(root, './dist/cli/commands')]
  for (const plugin of plugins) sizes.push(await writeManifest(plugin, './dist/commands'))
  const commands = sizes.reduce((sum, count) => sum + count, 0)
  process.stdout.write(`dist/cli ${commands} commands in ${sizes.length} packages\n`)
}

async function buildRoot() {
  const {metafile} = await build({
    ...common,
    absWorkingDir: root,
    entryPoints: [
      'src/cli/main.ts',
      'src/cli/complete.ts',
      'src/kit/index.ts',
      ...globSync('src/cli/{commands,hooks}/**/*.ts', {cwd: root}),
    ],
    outbase: 'src',
    outdir: 'dist',
    chunkNames: 'chunks/[name]-[hash]',
    // Optional parts of it are native and found at run time.
    external: ['ssh2'],
    metafile: true,
  })
  removeOld(new Set(Object.keys(metafile.outputs).map((path) => join(root, path))))
  // Scripts that run on hosts are read from beside the code that sends them.
  for (const script of globSync('src/ops/host/*.sh', {cwd: root})) {
    copyFileSync(join(root, script), join(root, 'dist/chunks', basename(script)))
  }
}

/** What an earlier build left, except what a running aisctl may still load. */
function removeOld(outputs) {
  for (const path of globSync('dist/{cli,kit,chunks}/**/*.js', {cwd: root})) {
    const file = join(root, path)
    if (!outputs.has(file) && Date.now() - statSync(file).mtimeMs > OLD_MS) rmSync(file)
  }
}

async function buildPlugin(plugin) {
  rmSync(join(plugin, 'dist'), {recursive: true, force: true})
  const entryPoints = globSync('src/commands/**/*.ts', {cwd: plugin})
  if (entryPoints.length === 0) return
  await build({
    ...common,
    absWorkingDir: plugin,
    entryPoints,
    outbase: 'src',
    outdir: 'dist',
    chunkNames: 'chunks/[name]-[hash]',
    // `aisctl/kit` stays an import, so that plugins and commands share one of everything.
    packages: 'external',
  })
}

/** oclif's list of commands with their flags: with it no command is loaded to print help. */
async function writeManifest(folder, commands) {
  const manifest = join(folder, 'oclif.manifest.json')
  rmSync(manifest, {force: true})
  const pjson = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  pjson.oclif = {...pjson.oclif, commands, plugins: []}
  const plugin = new Plugin({
    root: folder,
    pjson,
    isRoot: true,
    ignoreManifest: true,
    errorOnManifestCreate: true,
    respectNoCacheDefault: true,
  })
  await plugin.load()
  writeFileSync(manifest, JSON.stringify(plugin.manifest))
  return plugin.commands.length
}

if (process.argv[1] === fileURLToPath(import.meta.url) && existsSync(root)) await buildCli()
