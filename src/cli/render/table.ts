/**
 * Tables without borders, as AIStore's operators know them: a row of headings, columns set apart by
 * spaces. Widths count what a terminal shows, colours not included.
 */

import {stripVTControlCharacters} from 'node:util'
import Table from 'cli-table3'

export interface TableColumn<Row> {
  readonly heading: string
  cell(row: Row): string
  /** Left out of the table when it is false for all rows. Absent: always shown. */
  show?(row: Row): boolean
}

const NO_BORDER = {
  'top': '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  'bottom': '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  'left': '',
  'left-mid': '',
  'mid': '',
  'mid-mid': '',
  'right': '',
  'right-mid': '',
  'middle': '  ',
}

/** Lines of a table; only its headings when there are no rows. */
export function renderTable<Row>(
  rows: readonly Row[],
  columns: readonly TableColumn<Row>[],
): readonly string[] {
  const shown = columns.filter(({show}) => show === undefined || rows.some((row) => show(row)))
  const head = shown.map(({heading}) => heading)
  return renderGrid([head, ...rows.map((row) => shown.map((column) => column.cell(row)))])
}

/** Rows that the library lays out at once: its time grows with their square. */
const CHUNK_ROWS = 200

/** Lines of cells set in columns, without headings. */
export function renderGrid(cells: readonly (readonly string[])[]): readonly string[] {
  if (cells.length === 0) return []
  const widest = widestCells(cells)
  const lines: string[] = []
  for (let at = 0; at < cells.length; at += CHUNK_ROWS) {
    // The widest cells come along in every chunk, so that all get the same columns.
    lines.push(...layOut([...cells.slice(at, at + CHUNK_ROWS), widest]).slice(0, -1))
  }
  return lines
}

function layOut(cells: readonly (readonly string[])[]): readonly string[] {
  const table = new Table({
    chars: NO_BORDER,
    style: {'padding-left': 0, 'padding-right': 0, 'head': [], 'border': [], 'compact': true},
  })
  table.push(...cells.map((row) => [...row]))
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
}

function widestCells(cells: readonly (readonly string[])[]): readonly string[] {
  const widest: {text: string; width: number}[] = []
  for (const row of cells) {
    for (const [column, text] of row.entries()) {
      const {length: width} = stripVTControlCharacters(text)
      if (width >= (widest[column]?.width ?? 0)) widest[column] = {text, width}
    }
  }
  return widest.map(({text}) => text)
}
