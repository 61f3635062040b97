// The import arrows of ARCHITECTURE, one rule per folder: a folder may import what its rule names and
// nothing else of src. Node modules and packages in the pure folders, cycles, and what a plugin may
// see are rules of their own. A new arrow begins with an edit of ARCHITECTURE.

const arrows = {
  base: [],
  model: ['base'],
  wire: ['base', 'model'],
  core: ['base', 'model'],
  node: ['base', 'model', 'wire', 'core'],
  client: ['base', 'model', 'wire'],
  ops: ['base', 'model', 'wire', 'client'],
  cli: ['base', 'model', 'wire', 'client', 'ops'],
  kit: ['base', 'model', 'wire', 'client', 'ops', 'cli'],
}

const pure = '^src/(base|model|wire|core)/'

/** One rule: `folder` imports itself and `allowed`, no other folder of src, no plugin, no test. */
function arrowRule([folder, allowed]) {
  const may = [folder, ...allowed].join('|')
  return {
    name: `arrow-${folder}`,
    comment: `src/${folder} may import ${allowed.length === 0 ? 'nothing' : allowed.join(', ')} of src`,
    severity: 'error',
    from: {path: `^src/${folder}/`},
    to: {path: `^(src/(?!(${may})/)|plugins/|test/|bin/)`},
  }
}

module.exports = {
  forbidden: [
    ...Object.entries(arrows).map(arrowRule),
    {
      name: 'protocols-apart',
      comment: 'a protocol never imports another; only core/kernel composes them',
      severity: 'error',
      from: {path: '^src/core/([^/]+)/', pathNot: '^src/core/(kernel|placement)/'},
      to: {
        path: '^src/core/([^/]+)/',
        pathNot: '^src/core/($1|placement|kernel/(events|state)\\.ts)',
      },
    },
    {
      name: 'pure-imports-no-node-module',
      comment: 'base, model, wire and core have no I/O: no node: module',
      severity: 'error',
      from: {path: pure},
      to: {dependencyTypes: ['core']},
    },
    {
      name: 'pure-imports-no-package',
      comment: 'base, model, wire and core import no npm package',
      severity: 'error',
      from: {path: pure},
      to: {path: 'node_modules'},
    },
    {
      name: 'plugins-import-kit-only',
      comment: "a plugin imports 'aisctl/kit', packages and its own files",
      severity: 'error',
      from: {path: '^plugins/([^/]+)/'},
      to: {path: '^(src/|bin/|test/|plugins/(?!$1/))', pathNot: '^src/kit/index\\.ts$'},
    },
    {
      name: 'no-cycle',
      comment: 'no import cycle, type imports included',
      severity: 'error',
      from: {},
      to: {circular: true},
    },
    {
      name: 'no-unresolved',
      comment: 'an import that nothing answers',
      severity: 'error',
      from: {},
      to: {couldNotResolve: true},
    },
    {
      name: 'no-dev-dependency-in-product',
      comment: 'src and plugins import what is installed with them',
      severity: 'error',
      from: {path: '^(src|plugins)/', pathNot: '^plugins/[^/]+/test/'},
      to: {
        dependencyTypes: ['npm-dev'],
        dependencyTypesNot: ['type-only', 'npm'],
        pathNot: '^(src/kit/|node_modules/(aisctl|esbuild)/)',
      },
    },
  ],
  options: {
    doNotFollow: {path: 'node_modules'},
    exclude: {path: '(^|/)(dist|node_modules/\\.cache)/'},
    parser: 'swc',
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['aisctl-source', 'import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'],
    },
    skipAnalysisNotInRules: true,
  },
}
