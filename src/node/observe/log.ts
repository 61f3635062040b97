/**
 * Structured logs, one JSON line each, on standard output. Under systemd every line begins with the
 * journal's `<N>` priority. Each thread has its own logger and never waits for its reader. Never
 * secrets: only named facts are written, no headers, no bodies, no configuration objects.
 */

import pino from 'pino'

import type {LogLevel} from '../../model/config/node-file.ts'
import {createLineWriter} from './line-writer.ts'

export type Facts = Readonly<Record<string, unknown>>

export interface Log {
  readonly debug: (text: string, facts?: Facts) => void
  readonly info: (text: string, facts?: Facts) => void
  readonly warn: (text: string, facts?: Facts) => void
  readonly error: (text: string, facts?: Facts) => void
}

const STDOUT = 1

/** pino's numbers to syslog's priorities. */
const PRIORITY: Readonly<Record<number, number>> = {20: 7, 30: 6, 40: 4, 50: 3}

/**
 * @param node `p[id]` or `t[id]`, on every line. @param thread which of the node's threads writes
 */
export function createLog(options: {level: LogLevel; node: string; thread: string}): Log {
  const {node, thread} = options
  const out = createLineWriter(STDOUT, (count) => {
    const time = new Date().toISOString()
    const msg = `${count} lines were dropped: nobody read them in time`
    return `${JSON.stringify({level: 'warn', time, node, thread, msg})}\n`
  })
  process.on('exit', out.flush)
  const journal = process.env['JOURNAL_STREAM'] !== undefined
  const stream = {
    [Symbol.for('pino.metadata')]: true,
    lastLevel: 30,
    write(line: string): void {
      out.write(journal ? `<${PRIORITY[stream.lastLevel] ?? 6}>${line}` : line)
    },
  }
  const logger = pino(
    {
      level: options.level,
      base: {node, thread},
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {level: (label) => ({level: label})},
    },
    stream,
  )
  const at =
    (level: LogLevel) =>
    (text: string, facts: Facts = {}): void => {
      logger[level](facts, text)
    }
  return {debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error')}
}

/** What an unknown thrown value says. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
