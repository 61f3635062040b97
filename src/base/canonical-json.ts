/**
 * One text for one value: JSON with keys in code-unit order and no blanks. Hashes, MACs and
 * comparisons of records rest on it. For values as `JSON.parse` gives them; a bigint is written as
 * bare digits.
 */

/** The canonical text. Absent (undefined) members are left out. */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'bigint') return value.toString()
  if (value === null || typeof value !== 'object') return JSON.stringify(value ?? null)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const parts: string[] = []
  for (const key of Object.keys(value).sort()) {
    const member: unknown = (value as Record<string, unknown>)[key]
    if (member !== undefined) parts.push(`${JSON.stringify(key)}:${canonicalJson(member)}`)
  }
  return `{${parts.join(',')}}`
}
