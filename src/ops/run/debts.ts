/**
 * Debts: what a run could not finish or had to leave behind. Recorded on the hosts, so that whoever
 * comes next is told; a debt that is paid vanishes.
 */

/** What a command says of a debt that it leaves. */
export interface NewDebt {
  /** Names it: `unreachable:h3`, `unit-disabled:h1/target`, `rebalance-off`. Unique. */
  readonly key: string
  /** What is so and should not be: `h3 was not reached: it runs release 1.2.0`. */
  readonly what: string
  /** The command that pays it. */
  readonly pay: string
}

export interface Debt extends NewDebt {
  readonly format: 1
  /** The run that left it. */
  readonly run: string
  readonly sinceMs: number
}

/** The debts of one run. */
export function debtsOf(debts: readonly NewDebt[], run: string, nowMs: number): readonly Debt[] {
  return debts.map((debt) => ({format: 1, ...debt, run, sinceMs: nowMs}))
}

/**
 * Keys of those debts that the steps which were done have paid: what was owed to a host is paid
 * when it has been brought to its manifest, what was owed to a node when the same was done to it.
 */
export function paidBy(debts: readonly Debt[], done: ReadonlySet<string>): readonly string[] {
  return debts.flatMap(({key}) => {
    const [kind = '', place = ''] = key.split(':')
    return stepsThatPay(kind, place).some((pays) => [...done].some(pays)) ? [key] : []
  })
}

function stepsThatPay(kind: string, place: string): readonly ((step: string) => boolean)[] {
  if (place.includes('/')) return [(step) => step === `${place}/${kind}`]
  const installed = (step: string): boolean => step === `${place}/install`
  const touched = (step: string): boolean =>
    step.startsWith(`${place}/`) && /\/(start|stop|restart)$/.test(step)
  return kind === 'not-stopped' ? [installed, touched] : [installed]
}

/** The last line of a command when something is owed; undefined when nothing is. */
export function debtLine(debts: readonly NewDebt[]): string | undefined {
  const [first] = debts
  if (first === undefined) return undefined
  const count = debts.length === 1 ? '1 debt is open' : `${debts.length} debts are open`
  const more = debts.length === 1 ? '' : '; …'
  return `${count}: ${first.what}${more}. Look: aisctl show debts`
}
