/** Runs, debts and the audit as lines. */

import type {DeployOutcome} from '../../ops/deploy/deploy.ts'
import type {AuditBreak, AuditRun} from '../../ops/run/audit.ts'
import type {NewDebt} from '../../ops/run/debts.ts'
import {holderText} from '../../ops/run/holder.ts'
import type {RunHeader} from '../../ops/run/journal.ts'
import type {UnfinishedRun} from '../../ops/run/runs.ts'
import {renderTable} from './table.ts'

/** What a run was, and how far it came. */
export function unfinishedLines(
  {run, header, stopped, open}: UnfinishedRun,
  nowMs: number,
): string[] {
  const how = stopped === undefined ? 'It was not ended.' : `It stopped: ${stopped}`
  return [
    `Run ${run}: ${holderText(header, nowMs)}`,
    how,
    ...open.map((act) => `  begun, outcome not known: ${act}`),
  ]
}

/** The last words of a deploy that was taken up again. */
export function resumedLines(
  {run}: RunHeader,
  {reports, restarted}: DeployOutcome,
  debts: string | undefined,
): string[] {
  const changes = reports.reduce((sum, {changed}) => sum + changed, 0)
  const what = `${changes} changes on ${reports.length} hosts; ${restarted.length} nodes restarted`
  const line = `Run ${run} is finished: ${what}. Look: aisctl show cluster`
  return debts === undefined ? [line] : [line, debts]
}

/** @param breaks undefined: nobody has verified it */
export function auditLines(
  runs: readonly AuditRun[],
  breaks: readonly AuditBreak[] | undefined,
): readonly string[] {
  const table = renderTable(runs, [
    {heading: 'RUN', cell: ({run}) => run},
    {heading: 'BEGAN', cell: ({began}) => began},
    {heading: 'WHO', cell: ({who, from}) => `${who}@${from}`},
    {heading: 'WHAT', cell: ({what}) => what},
    {heading: 'OUTCOME', cell: ({outcome}) => outcome},
    {heading: 'HOSTS', cell: ({hosts}) => String(hosts.length)},
    {heading: 'DETAIL', cell: ({detail}) => detail},
  ])
  const lines = runs.length === 0 ? ['No run has been written down yet.'] : table
  if (breaks === undefined) return lines
  if (breaks.length === 0) return [...lines, '', 'Verified: nothing was altered or removed.']
  return [...lines, '', ...breaks.map(breakText)]
}

export function breakText({host, line, why}: AuditBreak): string {
  return line === 0 ? `${host}: ${why}` : `${host}, line ${line}: ${why}`
}

export function debtLines(debts: readonly NewDebt[]): readonly string[] {
  if (debts.length === 0) return ['Nothing is owed.']
  return debts.flatMap(({what, pay}) => [`${what}`, `  pay it: ${pay}`])
}
