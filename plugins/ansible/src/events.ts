/** What the callback plugin of the collection tells, one JSON object per line. */

/** Fields that are absent are ''. */
export interface AnsibleEvent {
  readonly event: string
  readonly host: string
  /** Of a play or a task. */
  readonly name: string
  /** `ok`, `changed`, `skipped`, `failed`, `ignored`, `unreachable`, `item`. */
  readonly state: string
  readonly text: string
  /** In check mode: what would be done. */
  readonly steps: readonly string[]
}

/** Undefined for a line that is none: whoever else writes to the descriptor is not listened to. */
export function parseEvent(line: string): AnsibleEvent | undefined {
  const found = parsed(line)
  if (typeof found !== 'object' || found === null) return undefined
  const fields = found as Readonly<Record<string, unknown>>
  const word = (key: string): string => {
    const value = fields[key]
    return typeof value === 'string' ? value : ''
  }
  const steps = Array.isArray(fields['steps']) ? fields['steps'].map(String) : []
  const host = word('ran_on') === '' ? word('host') : word('ran_on')
  const [name, state, text] = [word('name'), word('state'), word('text')]
  return {event: word('event'), host, name, state, text, steps}
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
