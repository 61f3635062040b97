/** Findings as lines: what, why it matters, how it is mended. */

import type {CheckResult} from 'aisctl/kit'

export function findingLines(findings: CheckResult['findings']): string[] {
  return findings.flatMap(({id, severity, host, what, why, fix}) => [
    `${severity.toUpperCase()} ${host}: ${what}`,
    `  why: ${why} (--explain ${id})`,
    ...(fix === '' ? [] : [`  fix: ${fix}`]),
  ])
}
