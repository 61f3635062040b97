/**
 * What a failing seed shows: the log lines of every node in order, and how each stood at the end.
 */

import type {KernelEffect, KernelEvent} from '../../../src/core/kernel/events.ts'
import type {SimProcess} from './process.ts'

/** One step, if it has anything to say. */
export function traceStep(
  trace: (line: string) => void,
  process: SimProcess,
  event: KernelEvent,
  effects: readonly KernelEffect[],
): void {
  const lines = effects.flatMap((effect) => (effect.type === 'log' ? [effect.text] : []))
  const dbg = globalThis.process.env['DBG']
  if (dbg !== undefined && process.facts.self.id === dbg)
    trace(
      `${process.atMs().toFixed(1)} ${dbg} ${JSON.stringify(event, (k, v) => (k === 'accepted' || k === 'record' || k === 'committed' ? undefined : v)).slice(0, 500)} => ${effects.map((e) => JSON.stringify(e, (k, v) => (k === 'accepted' || k === 'record' || k === 'committed' || k === 'view' || k === 'state' ? undefined : v)).slice(0, 300)).join(' | ')}`,
    )
  if (event.type !== 'booted' && event.type !== 'stop-ordered' && lines.length === 0) return
  trace(`${process.atMs().toFixed(1)} ${process.facts.self.id} ${event.type}: ${lines.join('; ')}`)
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
