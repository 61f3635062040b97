/** What `aisctl check` prints: hosts as a table, what was mended, and the refusal of a deploy. */

import {AisError, formatDuration, formatSize, renderTable, type CheckResult} from 'aisctl/kit'
import {findingLines} from './finding-lines.ts'

/** What `--fix` and `--undo` have done. */
export interface MendResult {
  readonly mended: readonly {readonly host: string; readonly key: string; readonly value: string}[]
}

/** @param word `mended` or `undone` */
export function mendLines({mended}: MendResult, word: 'mended' | 'undone'): string[] {
  if (mended.length === 0) return [`Nothing was ${word}.`]
  const next = word === 'mended' ? 'Undo: aisctl check --undo' : 'Look: aisctl check'
  return [
    ...mended.map(({host, key, value}) => `${host}: ${key} is ${value}`),
    `${mended.length} ${word}. ${next}`,
  ]
}

/** The error of a check that speaks against a deploy; undefined when it does not. */
export function refusalOf(result: CheckResult): AisError | undefined {
  const errors = result.findings.filter(({severity}) => severity === 'error').length
  if (errors === 0) return undefined
  const lines = findingLines(result.findings).join('\n')
  return new AisError({
    code: 'REFUSED',
    message: `${errors} ${errors === 1 ? 'thing speaks' : 'things speak'} against a deploy\n${lines}`,
    hint: 'nothing was changed; mend it and look again: aisctl check',
    details: {...result},
  })
}

export function hostLines({hosts}: CheckResult): readonly string[] {
  return renderTable(hosts, [
    {heading: 'HOST', cell: ({name}) => name},
    {
      heading: 'SYSTEM',
      cell: ({os, container}) => `${os}${container === '' ? '' : ` (${container})`}`,
    },
    {heading: 'ARCH', cell: ({arch}) => arch},
    {heading: 'CPUS', cell: ({cpus}) => String(cpus)},
    {heading: 'MEMORY', cell: ({memoryBytes}) => formatSize(memoryBytes, 1)},
    {heading: 'CLOCK', cell: clockText},
    {heading: 'KEPT BY', cell: keeperText},
    {heading: 'FIREWALL', cell: ({firewalls}) => firewalls.join(', ') || '-'},
  ])
}

function clockText({clockOffsetMs: ms, clockUncertaintyMs}: CheckResult['hosts'][number]): string {
  if (Math.abs(ms) <= clockUncertaintyMs) return 'agrees'
  return `${formatDuration(Math.abs(ms))} ${ms > 0 ? 'ahead' : 'behind'}`
}

function keeperText({container, clockKeepers}: CheckResult['hosts'][number]): string {
  if (container !== '') return 'not applicable (container)'
  return clockKeepers.join(', ') || 'nobody'
}
