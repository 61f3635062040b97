// Builds what is shipped: the daemon as one file that is also the entry of its own threads, then the
// command line. Plain JavaScript; needs the development packages.
import {chmodSync, existsSync, mkdirSync, statSync} from 'node:fs'
import {fileURLToPath} from 'node:url'

import {build} from 'esbuild'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const outfile = at('../dist/aisnode.mjs')

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
  // Packages that are CommonJS inside still call require for Node's own modules.
  banner: {
    js: "import {createRequire as __createRequire} from 'node:module';const require=__createRequire(import.meta.url);",
  },
})
chmodSync(outfile, 0o644)
process.stdout.write(`dist/aisnode.mjs ${Math.round(statSync(outfile).size / 1024)} KiB\n`)

const cli = new URL('./build-cli.js', import.meta.url)
if (existsSync(fileURLToPath(cli))) {
  const {buildCli} = await import(cli.href)
  await buildCli()
}
