/**
 * `aisctl logs`: the journals of nodes as one, in the order of time. journalctl does the choosing on
 * each host; here lines are read, put in order and handed on. What is kept is bounded: so many
 * lines of each node, and, while following, the lines of a moment.
 */

import {PassThrough} from 'node:stream'
import {AisError} from '../../base/errors.ts'
import type {Fleet} from '../fleet.ts'
import {unitOf} from '../host/manifest.ts'
import {parseJsonObject} from '../host/output.ts'
import type {TopologyNode} from '../topology/resolve.ts'

/** Lines of one node that are kept and shown, unless told; and the most that may be told. */
export const LINES_DEFAULT = 100
export const LINES_MAX = 5000
/** Following: lines that arrive within this time are put in order before they are shown. */
const ORDER_WINDOW_MS = 400
/** A node that says more than this within one window is shown out of order rather than kept. */
const WINDOW_LINES_MAX = 10_000
const LOGS_TIMEOUT_MS = 120_000
/** Ends journalctl as soon as nobody listens any more, not with its next line. */
const FOLLOW =
  'exec 3<&0; (cat <&3 >/dev/null; kill $$) >/dev/null 2>&1 & exec journalctl "$@" 3<&-'

export interface LogLine {
  /** By the host's clock. */
  readonly atMs: number
  readonly host: string
  readonly instance: string
  /** `debug`, `info`, `warn`, `error`. */
  readonly level: string
  /** `systemd`, or the thread of the node. */
  readonly from: string
  readonly text: string
}

export interface LogsOptions {
  readonly nodes: readonly TopologyNode[]
  /** As journalctl takes it: `-600s`, `2026-11-21 10:00`, `today`. */
  readonly since?: string
  readonly until?: string
  /** A regular expression that the message has to match, judged on the host. */
  readonly grep?: string
  /** The last lines of each node. */
  readonly lines: number
}

/** Lines of all nodes in the order of time, oldest first. */
export async function readLogs(fleet: Fleet, options: LogsOptions): Promise<readonly LogLine[]> {
  const found = await Promise.all(
    byHost(options.nodes).map(async ([name, nodes]) => {
      const lines: LogLine[] = []
      // A node of its own each: so many lines of one must not hide those of the other.
      for (const node of nodes) {
        const {status, stderr} = await fleet.host(name).run({
          argv: ['journalctl', ...journalWords([node], options)],
          timeoutMs: LOGS_TIMEOUT_MS,
          onLine: (line, stream) => {
            if (stream === 'stdout') lines.push(...logLine(name, line))
          },
        })
        // 1 without a word: nothing matched.
        if (status !== 0 && stderr.trim() !== '') throw refused(name, stderr)
      }
      return lines
    }),
  )
  return found.flat().toSorted((a, b) => a.atMs - b.atMs)
}

export interface FollowOptions extends LogsOptions {
  readonly signal: AbortSignal
  onLines(lines: readonly LogLine[]): void
  /** A host whose lines do not come any more. */
  onLost(error: AisError): void
}

/** Shows the last lines and then every new one, until the signal. */
export async function followLogs(fleet: Fleet, options: FollowOptions): Promise<void> {
  const {signal, onLines, onLost} = options
  let waiting: LogLine[] = []
  const flush = (): void => {
    const ready = waiting.toSorted((a, b) => a.atMs - b.atMs)
    waiting = []
    if (ready.length > 0) onLines(ready)
  }
  const timer = setInterval(flush, ORDER_WINDOW_MS)
  const followed = byHost(options.nodes).map(async ([name, nodes]) => {
    const input = new PassThrough()
    signal.addEventListener('abort', () => input.end(), {once: true})
    try {
      await fleet.host(name).run({
        argv: ['sh', '-c', FOLLOW, 'aisctl', '-f', ...journalWords(nodes, options)],
        input,
        onLine: (line, stream) => {
          if (stream === 'stdout') waiting.push(...logLine(name, line))
          if (waiting.length >= WINDOW_LINES_MAX) flush()
        },
      })
      if (!signal.aborted)
        onLost(new AisError({code: 'UNREACHABLE', message: `${name}: its journal has ended`}))
    } catch (error) {
      if (!(error instanceof AisError)) throw error
      if (!signal.aborted) onLost(error)
    }
  })
  await Promise.all(followed)
  clearInterval(timer)
  flush()
}

function byHost(nodes: readonly TopologyNode[]): [string, TopologyNode[]][] {
  return [...Map.groupBy(nodes, ({host}) => host)]
}

function journalWords(
  nodes: readonly TopologyNode[],
  {since, until, grep, lines}: LogsOptions,
): string[] {
  return [
    ...nodes.flatMap((node) => ['-u', unitOf(node)]),
    '--output=json',
    '--no-pager',
    `--lines=${lines}`,
    '--output-fields=MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_SYSTEMD_UNIT,UNIT',
    ...(since === undefined ? [] : [`--since=${since}`]),
    ...(until === undefined ? [] : [`--until=${until}`]),
    ...(grep === undefined ? [] : [`--grep=${grep}`]),
  ]
}

/** By the priorities of syslog. */
const LEVELS = ['error', 'error', 'error', 'error', 'warn', 'info', 'info', 'debug']

/** One line of `journalctl -o json`; none for what is no such line. */
export function logLine(host: string, text: string): LogLine[] {
  const line = parseJsonObject(text)
  if (line === undefined) return []
  const word = (key: string): string => {
    const value = line[key]
    return typeof value === 'string' ? value : ''
  }
  const unit = [word('UNIT'), word('_SYSTEMD_UNIT')].find((one) => one.startsWith('aisnode@')) ?? ''
  const message = word('MESSAGE')
  const said = message.startsWith('{') ? parseJsonObject(message) : undefined
  return [
    {
      atMs: Number(line['__REALTIME_TIMESTAMP']) / 1000,
      host,
      instance: unit.slice('aisnode@'.length).replace(/\.service$/, ''),
      level: textAt(said, 'level') || (LEVELS[Number(word('PRIORITY'))] ?? 'info'),
      from: textAt(said, 'thread') || word('SYSLOG_IDENTIFIER'),
      text: said === undefined ? message : saidText(said),
    },
  ]
}

const SHOWN_ELSEWHERE = new Set(['level', 'time', 'node', 'thread', 'msg'])

/** What a node logs is JSON: its sentence, then what else it says. */
function saidText(said: Readonly<Record<string, unknown>>): string {
  const facts = Object.entries(said)
    .filter(([key]) => !SHOWN_ELSEWHERE.has(key))
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  const sentence = textAt(said, 'msg')
  return facts.length === 0 ? sentence : `${sentence} (${facts.join(' ')})`
}

function textAt(said: Readonly<Record<string, unknown>> | undefined, key: string): string {
  const value = said?.[key]
  return typeof value === 'string' ? value : ''
}

function refused(host: string, stderr: string): AisError {
  return new AisError({
    code: 'HOST_COMMAND',
    message: `${host}: journalctl: ${stderr.trim().split('\n').at(-1)}`,
    hint: 'times are written as journalctl takes them: "10m", "2026-11-21 10:00", "today"',
  })
}
