/**
 * JSON for people and for scripts: four spaces as AIStore's tool prints it, 64-bit integers exact.
 */

/** Node has it since 21; the compiler's library does not name it yet. */
const {rawJSON} = JSON as unknown as {rawJSON(text: string): unknown}

export function prettyJson(value: unknown): string {
  return JSON.stringify(value, exactIntegers, 4)
}

/** One line. */
export function compactJson(value: unknown): string {
  return JSON.stringify(value, exactIntegers)
}

function exactIntegers(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? rawJSON(value.toString()) : value
}
