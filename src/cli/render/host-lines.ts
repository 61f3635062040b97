/** Lines of many hosts in one stream: each begins with the name of its host, in its own colour. */

import type {Paint, Style} from './paint.ts'

const COLOURS: readonly Style[] = ['cyan', 'green', 'yellow', 'bold']

/** @param names of all hosts that may speak */
export function hostPrefix(names: readonly string[], paint: Paint): (host: string) => string {
  const width = Math.max(0, ...names.map(({length}) => length))
  const prefixes = new Map(
    names.map((name, index) => [
      name,
      `${paint(COLOURS[index % COLOURS.length] ?? 'bold', name.padEnd(width))} | `,
    ]),
  )
  return (host) => prefixes.get(host) ?? `${host} | `
}
