/**
 * One measured figure and how it is judged. A goal is always a comparison with a peer of the same
 * run or with a count; nothing here asserts a time by itself.
 */

/** What the last line of a bench or proof holds, one per figure (DESIGN of the JSON: README). */
export interface Row {
  readonly metric: string
  readonly unit: string
  readonly value: number
  /** Operations, rounds or seeds that the value stands on. */
  readonly n: number
  readonly p50?: number
  readonly p99?: number
  /** Processor time per operation, by role; `machine` is all of it, whoever used it. */
  readonly cpuMsPerOp?: Readonly<Record<string, number>>
  /** What else was measured in the same run, and what it gave. */
  readonly peer?: string
  readonly peerValue?: number
  /** value / peerValue. */
  readonly ratio?: number
  /** `ratio>=0.7`, `value<=3`; absent: for orientation only. */
  readonly goal?: string
  readonly ok: boolean
}

/** What a measurement knows before it is judged. */
export type Figure = Omit<Row, 'ok' | 'ratio'>

const GOAL = /^(value|ratio)(<=|>=)(-?[\d.]+)$/

/** Adds the ratio and the verdict. Without a goal a row is ok. */
export function judge(figure: Figure): Row {
  const {peerValue, goal} = figure
  const ratio = peerValue === undefined ? undefined : rounded(figure.value / peerValue)
  const row = {
    ...figure,
    value: rounded(figure.value),
    ...(peerValue === undefined ? {} : {peerValue: rounded(peerValue)}),
    ...(ratio === undefined ? {} : {ratio}),
  }
  const parts = GOAL.exec(goal ?? '')
  if (parts === null) {
    if (goal !== undefined) throw new Error(`a goal that nobody can judge: ${goal}`)
    return {...row, ok: true}
  }
  const subject = parts[1] === 'ratio' ? ratio : figure.value
  if (subject === undefined) throw new Error(`${figure.metric} has a ratio for a goal but no peer`)
  const limit = Number(parts[3])
  return {...row, ok: parts[2] === '<=' ? subject <= limit : subject >= limit}
}

function drawCpu(cpu: Row['cpuMsPerOp']): string {
  if (cpu === undefined) return ''
  return `CPU ms/op: ${Object.entries(cpu)
    .map(([role, ms]) => `${role} ${ms}`)
    .join(', ')}`
}

/** Four significant digits; enough for any figure measured on a shared machine. */
function rounded(value: number): number {
  return Number(value.toPrecision(4))
}

/** Lines for people: metric, value, peer, goal, verdict. */
export function drawRows(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.ok ? '✔' : '✖',
    row.metric,
    `${row.value} ${row.unit}`,
    row.p50 === undefined ? '' : `p50 ${row.p50} p99 ${row.p99}`,
    row.peer === undefined ? '' : `${row.peer}: ${row.peerValue} (×${row.ratio})`,
    row.goal ?? '',
    drawCpu(row.cpuMsPerOp),
  ])
  const widths = [0, 1, 2, 3, 4, 5].map((at) =>
    Math.max(...cells.map((row) => row[at]?.length ?? 0)),
  )
  return cells
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
