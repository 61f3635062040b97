/**
 * Loads a virtual world once more with one line of a shipped file changed: for rules that sit
 * inside a pure function and cannot be broken at its border. The shipped files stay as they are; a
 * change whose line is not there exactly once is an error: no mutant rots into the original.
 */

import {registerHooks} from 'node:module'

/** One line of a shipped file, and what a mutant has in its place. */
export interface Edit {
  /** Below src/. */
  readonly file: string
  readonly from: string
  readonly to: string
}

type World = typeof import('./world.ts')
type ObjectWorld = typeof import('../objects/world.ts')

const MARK = '?mutant='
/** Files of the simulator that are loaded again: those that run shipped decisions. */
const AGAIN = [
  ...['world', 'scene', 'process', 'objects'].map((file) => `/test/sim/world/${file}.ts`),
  ...['world', 'stage', 'node', 'border', 'moving'].map((file) => `/test/sim/objects/${file}.ts`),
]
/** Of those, the ones whose shipped imports are loaded again; checkers keep the originals. */
const RUNS_SHIPPED = [
  ...['process', 'objects'].map((file) => `/test/sim/world/${file}.ts`),
  ...['node', 'border', 'moving'].map((file) => `/test/sim/objects/${file}.ts`),
]

const edits = new Map<string, Edit>()
const worlds = new Map<string, unknown>()

/** The world of kernels in which this is so. */
export function mutatedWorld(name: string, edit: Edit): Promise<World> {
  return loadAgain('./world.ts', name, edit) as Promise<World>
}

/** The world of stores in which this is so. */
export function mutatedObjectWorld(name: string, edit: Edit): Promise<ObjectWorld> {
  return loadAgain('../objects/world.ts', name, edit) as Promise<ObjectWorld>
}

async function loadAgain(file: string, name: string, edit: Edit): Promise<unknown> {
  const known = worlds.get(name)
  if (known !== undefined) return known
  if (edits.size === 0) registerHooks({resolve: resolveHook, load: loadHook})
  edits.set(name, edit)
  const world: unknown = await import(`${file}${MARK}${name}`)
  worlds.set(name, world)
  return world
}

type ResolveHook = NonNullable<Parameters<typeof registerHooks>[0]['resolve']>
type LoadHook = NonNullable<Parameters<typeof registerHooks>[0]['load']>

const resolveHook: ResolveHook = (specifier, context, nextResolve) => {
  const resolved = nextResolve(specifier, context)
  const [parent = '', name] = (context.parentURL ?? '').split(MARK)
  if (name === undefined || !isLoadedAgain(parent, resolved.url)) return resolved
  return {...resolved, url: `${resolved.url}${MARK}${name}`}
}

function isLoadedAgain(parent: string, url: string): boolean {
  if (url.includes('/test/sim/')) return AGAIN.some((file) => url.endsWith(file))
  if (!url.includes('/src/')) return false
  return parent.includes('/src/') || RUNS_SHIPPED.some((file) => parent.endsWith(file))
}

const loadHook: LoadHook = (url, context, nextLoad) => {
  const loaded = nextLoad(url, context)
  const [path = '', name = ''] = url.split(MARK)
  const edit = edits.get(name)
  if (edit === undefined || !path.endsWith(`/src/${edit.file}`)) return loaded
  const source = textOf(loaded.source)
  if (source.split(edit.from).length !== 2) {
    throw new Error(`mutant ${name}: ${edit.file} does not hold exactly once: ${edit.from}`)
  }
  return {...loaded, source: source.replace(edit.from, () => edit.to)}
}

function textOf(source: unknown): string {
  if (typeof source === 'string') return source
  if (source instanceof Uint8Array) return new TextDecoder().decode(source)
  throw new Error('a module without text')
}
