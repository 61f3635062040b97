// Builds what is shipped: the daemon as one file that is also the entry of its own threads, then
// the command line. Plain JavaScript; needs the development packages.
import {chmodSync, existsSync, mkdirSync, renameSync, statSync} from 'node:fs'
import {isBuiltin} from 'node:module'
import {fileURLToPath} from 'node:url'

import {build} from 'esbuild'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const finished = at('../dist/aisnode.mjs')
// Beside it and renamed: a node that starts meanwhile finds the old file or the new one, whole.
const outfile = at(`../dist/.aisnode-${process.pid}.mjs`)

/**
 * Node's own modules by require, when the module that wants them is first used: a static import of
 * node:http alone costs every thread 10 ms, because its facade reads every lazy property.
 */
const builtinsByRequire = {
  name: 'builtins-by-require',
  setup({onResolve, onLoad}) {
    onResolve({filter: /^[a-z:_/]+$/}, ({path, kind}) => {
      if (!isBuiltin(path)) return undefined
      return kind === 'require-call' ? {path, external: true} : {path, namespace: 'builtin'}
    })
    onLoad({filter: /.*/, namespace: 'builtin'}, ({path}) => ({
      contents: `module.exports = require(${JSON.stringify(path)})`,
      loader: 'js',
    }))
  },
}

/**
 * Of 2,500 content types the daemon writes these; Koa's helpers would carry the whole list twice.
 */
const CONTENT_TYPES = {
  'application/json': {charset: 'UTF-8', extensions: ['json']},
  'application/octet-stream': {extensions: ['bin']},
  'text/html': {extensions: ['html']},
  'text/plain': {extensions: ['txt']},
}
const fewContentTypes = {
  name: 'few-content-types',
  setup({onLoad}) {
    onLoad({filter: /mime-db[/\\]db\.json$/}, () => ({
      contents: JSON.stringify(CONTENT_TYPES),
      loader: 'json',
    }))
  },
}

mkdirSync(at('../dist'), {recursive: true})
await build({
  entryPoints: [at('../src/node/main.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  minify: true,
  keepNames: true,
  legalComments: 'none',
  logLevel: 'warning',
  plugins: [builtinsByRequire, fewContentTypes],
  // The daemon uses one of its thirty hashes (CRC32C).
  alias: {'hash-wasm': 'hash-wasm/dist/crc32.umd.min.js'},
  // Packages that are CommonJS inside still call require for Node's own modules.
  banner: {
    js: [
      "import {createRequire as __createRequire} from 'node:module'",
      'const require=__createRequire(import.meta.url)',
    ].join(';'),
  },
})
chmodSync(outfile, 0o644)
renameSync(outfile, finished)
process.stdout.write(`dist/aisnode.mjs ${Math.round(statSync(finished).size / 1024)} KiB\n`)

const cli = new URL('./build-cli.js', import.meta.url)
if (existsSync(fileURLToPath(cli))) {
  const {buildCli} = await import(cli.href)
  await buildCli()
}
