/** Lines of journals as they are shown, and times as a person writes them. */

import {parseDuration} from '../../base/units.ts'
import type {LogLine} from '../../ops/across/logs.ts'
import type {Paint, Style} from './paint.ts'

const LEVEL_STYLES: Readonly<Record<string, Style>> = {error: 'red', warn: 'yellow', debug: 'dim'}

/** `11-21 23:30:10.193 h1/proxy | warn  main: …`, in UTC. */
export function logText(
  {atMs, host, instance, level, from, text}: LogLine,
  prefix: (place: string) => string,
  paint: Paint,
): string {
  const style = LEVEL_STYLES[level]
  const time = new Date(atMs).toISOString().slice(5, 23).replace('T', ' ')
  const said = `${level.padEnd(5)} ${from}: ${text}`
  return `${time} ${prefix(`${host}/${instance}`)}${style === undefined ? said : paint(style, said)}`
}

/** `10m` is ten minutes ago; everything else is journalctl's business. */
export function timeWord(text: string): string {
  const ms = parseDuration(text)
  return ms === undefined ? text : `-${Math.round(ms / 1000)}s`
}
