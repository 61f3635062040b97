/**
 * What a failing seed shows: the log lines of every node in order, and how each stood at the end.
 */

import type {KernelEffect, KernelEvent} from '../../../src/core/kernel/events.ts'
import type {SimProcess} from './process.ts'

/** One step, if it has anything to say; of the watched node everything. */
export function traceStep(
  trace: (line: string) => void,
  process: SimProcess,
  {event, effects}: {readonly event: KernelEvent; readonly effects: readonly KernelEffect[]},
  watched = '',
): void {
  const {id} = process.facts.self
  const at = process.atMs().toFixed(1)
  if (id === watched) trace(`${at} ${id} ${brief(event)} => ${effects.map(brief).join(' | ')}`)
  const lines = effects.flatMap((effect) => (effect.type === 'log' ? [effect.text] : []))
  if (event.type !== 'booted' && event.type !== 'stop-ordered' && lines.length === 0) return
  trace(`${at} ${id} ${event.type}: ${lines.join('; ')}`)
}

const BRIEF_LETTERS = 400
/** What makes an event long and is seen elsewhere. */
const LONG = new Set(['accepted', 'committed', 'facts', 'peers', 'record', 'state', 'view'])

function brief(value: KernelEvent | KernelEffect): string {
  const text = JSON.stringify(value, (key, member: unknown) =>
    LONG.has(key) && typeof member === 'object' ? undefined : member,
  )
  return text.slice(0, BRIEF_LETTERS)
}

/** A node in one line. */
export function describe(process: SimProcess): string {
  const view = process.view()
  const record = view?.record
  const members = Object.values(record?.smap.nodes ?? {}).map(
    (member) =>
      `${member.id}/${member.inc}${member.learner ? ' learner' : ''}${member.away === null ? '' : ` ${member.away.kind}`}`,
  )
  const node = process.node()
  return [
    process.facts.self.id,
    node?.stage.stage ?? 'down',
    `promised ${node?.durable.promisedEpoch ?? 0}`,
    `record ${record?.epoch ?? 0}.${record?.index ?? 0}`,
    `settled ${view?.settledIndex ?? 0} of ${record?.own.map(({index}) => index).join(',') ?? ''}`,
    view?.leading === true ? 'leading' : '',
    process.leaseValid() ? 'leased' : '',
    members.join(', '),
  ].join(' | ')
}
