/**
 * What a remote command says, made harmless: bounded, terminal escapes and control characters
 * removed, invalid UTF-8 replaced. A hostile or broken host can neither fill our memory nor write
 * to a terminal.
 */

import {stripVTControlCharacters} from 'node:util'
import {OUTPUT_BYTES_MAX} from './host.ts'

/** A line longer than this is handed on in pieces. */
const LINE_BYTES_MAX = 64 * 1024

export interface OutputSink {
  push(chunk: Uint8Array): void
  /** Ends the last line and gives all that was kept. */
  end(): string
}

/** Collects one stream. @param onLine called for each whole line */
export function collectOutput(onLine?: (line: string) => void): OutputSink {
  const decoder = new TextDecoder()
  let kept = ''
  let line = ''
  const take = (text: string): void => {
    line += text
    let cut = line.indexOf('\n')
    while (cut >= 0 || line.length > LINE_BYTES_MAX) {
      const length = cut >= 0 ? cut : LINE_BYTES_MAX
      emit(line.slice(0, length))
      line = line.slice(cut >= 0 ? length + 1 : length)
      cut = line.indexOf('\n')
    }
  }
  const emit = (raw: string): void => {
    const clean = cleanLine(raw)
    if (kept.length + clean.length < OUTPUT_BYTES_MAX) kept += `${clean}\n`
    onLine?.(clean)
  }
  return {
    push: (chunk) => take(decoder.decode(chunk, {stream: true})),
    end: () => {
      take(decoder.decode())
      if (line !== '') emit(line)
      line = ''
      return kept
    },
  }
}

/** One line without escapes and control characters; tabs stay. */
export function cleanLine(line: string): string {
  return stripVTControlCharacters(line).replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g, '')
}

/** A JSON object that a host has said, or undefined when the text is none. */
export function parseJsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
