/**
 * The mountpaths of a running target as they come and go: opened at the start, attached, detached,
 * enabled and disabled by order, disabled by their own failures. Every change is kept before it is
 * in force. What an order comes to is decided in `core/objects/mountpath-orders.ts`; moving what
 * lies on a mountpath is the resilver's work.
 */

import {AisError, refusal} from '../../../base/errors.ts'
import type {
  KnownMountpath,
  MountpathOrder,
  OrderVerdict,
} from '../../../core/objects/mountpath-orders.ts'
import {judgeOrder} from '../../../core/objects/mountpath-orders.ts'
import {nodeLabel} from '../../../model/ids.ts'
import type {Fs} from '../fs/fs.ts'
import {errnoOf} from '../fs/fs.ts'
import type {MountpathOverrides} from './mountpath-overrides.ts'
import {
  configuredNow,
  withAttached,
  withDetached,
  withDisabled,
  withEnabled,
  withGivenUp,
  withLeaving,
  withMark,
} from './mountpath-overrides.ts'
import type {
  MissingMountpath,
  Mountpath,
  MountpathConfig,
  Mountpaths,
  MountpathsQuestion,
} from './mountpaths.ts'
import {mountpathAt, openMountpath, takesWrites} from './mountpaths.ts'

/** A configured mountpath as people see it. */
export interface DiskState {
  readonly path: string
  readonly label: string
  readonly disks: readonly string[]
  /** `waiting`: being emptied. `missing`: it could not be opened. */
  readonly state: 'available' | 'waiting' | 'disabled' | 'missing'
  /** Why it is not available; '' when it is. */
  readonly why: string
  /** Something is wrong with it; not so when it is disabled by order and held nothing. */
  readonly fault?: boolean
}

export interface Disks extends Mountpaths {
  /** Follows an order. @returns false when it is so already @throws AisError */
  readonly order: (order: MountpathOrder) => boolean
  readonly states: () => readonly DiskState[]
  /** Those that are being emptied, and can be read. */
  readonly leaving: () => readonly Mountpath[]
  /** Nothing is left on a mountpath that was to be emptied: it goes. */
  readonly emptied: (mountpath: Mountpath) => void
}

export interface DisksParts {
  /** Of the node's file. */
  readonly file: readonly MountpathConfig[]
  readonly overrides: MountpathOverrides
  /** Durable when it returns. */
  readonly keep: (overrides: MountpathOverrides) => void
  readonly question: Omit<MountpathsQuestion, 'markOf' | 'pathOf' | 'isGivenUp' | 'onDisabled'>
  readonly portOf: (path: string) => Fs
  readonly warn: (text: string, facts: Readonly<Record<string, unknown>>) => void
}

/** What a running store does when its mountpaths change. */
export interface DisksHooks {
  /** Objects may lie on a path that are nowhere else. */
  readonly mayHold: (path: string) => boolean
  /** Bytes of the objects on a mountpath, as far as known. */
  readonly usedBytes: (path: string) => number
  /** A mountpath was opened. */
  readonly opened: (mountpath: Mountpath) => void
  /** A mountpath was closed by order: nothing of it is read or written any more. */
  readonly closed: (mountpath: Mountpath) => void
  /** What lay on a path is given up. */
  readonly givenUp: (path: string) => void
  /** The set has changed: shares change hands. */
  readonly changed: () => void
}

const BY_ORDER = 'by order of the operator'

export interface OpenDisks extends Disks {
  /** To be called once, before any order. */
  readonly use: (hooks: DisksHooks) => void
}

/** Opens what can be used. @throws AisError INCOMPATIBLE */
export function openDisks(parts: DisksParts): OpenDisks {
  const table = new DiskTable(parts)
  return {
    get used() {
      return table.used
    },
    get missing() {
      return table.missing
    },
    use: (hooks) => table.use(hooks),
    order: (order) => table.order(order),
    states: () => table.states(),
    leaving: () => table.leaving(),
    emptied: (mountpath) => table.emptied(mountpath),
  }
}

/** Owns the open mountpaths. */
class DiskTable {
  readonly #parts: DisksParts
  readonly #question: MountpathsQuestion
  #overrides: MountpathOverrides
  #hooks: DisksHooks | null = null
  used: readonly Mountpath[] = []
  missing: readonly MissingMountpath[] = []

  constructor(parts: DisksParts) {
    this.#parts = parts
    this.#overrides = parts.overrides
    this.#question = {
      ...parts.question,
      markOf: (path) => this.#overrides.marks[path],
      pathOf: (mark) => {
        const {marks} = this.#overrides
        return Object.keys(marks).find((path) => marks[path] === mark)
      },
      isGivenUp: (mark) => this.#overrides.givenUp.includes(mark),
      onDisabled: (path, why) => this.#onDisabled(path, why),
    }
    const {disabled} = this.#overrides
    for (const config of this.#configured()) {
      const off = disabled.find(({path}) => path === config.path)
      // It was emptied: nobody misses it.
      if (off !== undefined && !parts.question.isKnown(off.path)) continue
      const opened = off ?? openMountpath(config, this.#question, parts.portOf(config.path))
      if ('why' in opened) this.missing = [...this.missing, opened]
      else this.#take(opened)
    }
  }

  use(hooks: DisksHooks): void {
    this.#hooks = hooks
  }

  order(order: MountpathOrder): boolean {
    const verdict = judgeOrder(
      order,
      this.#configured().map(({path}) => this.#known(path)),
    )
    if (verdict.type === 'refused') throw new AisError(this.#named(verdict.refusal))
    if (verdict.type === 'nothing') return false
    this.#follow(order, verdict)
    this.#hooks?.changed()
    return true
  }

  states(): readonly DiskState[] {
    return this.#configured().map(({path, label = '', disk = ''}) => {
      const one = mountpathAt(this, path)
      const disks = one?.disks ?? (disk === '' ? [] : [disk])
      const {state, why} = this.#stateOf(path, one)
      const isWanted = state === 'disabled' && why === BY_ORDER && !this.#mayHold(path)
      const fault = (state === 'disabled' || state === 'missing') && !isWanted
      return {path, label, disks, state, why, ...(fault ? {fault} : {})}
    })
  }

  #stateOf(path: string, one: Mountpath | undefined): Pick<DiskState, 'state' | 'why'> {
    const off = this.#overrides.disabled.find((disabled) => disabled.path === path)
    const failed = one?.calls.disabled() ?? null
    if (failed !== null) return {state: 'disabled', why: failed}
    if (off !== undefined) return {state: 'disabled', why: off.why}
    if (one === undefined) {
      const away = this.missing.find((missing) => missing.path === path)
      return {state: 'missing', why: away?.why ?? ''}
    }
    const {leaving} = one.standing
    if (leaving === null) return {state: 'available', why: ''}
    return {state: 'waiting', why: `its objects move away, then: ${leaving}`}
  }

  leaving(): readonly Mountpath[] {
    return this.used.filter(({calls, standing}) => {
      return calls.disabled() === null && standing.leaving !== null
    })
  }

  emptied(mountpath: Mountpath): void {
    const {leaving} = mountpath.standing
    if (leaving === 'detach') this.#detach(mountpath.path, false)
    else if (leaving === 'disable') this.#disable(mountpath.path)
    this.#hooks?.changed()
  }

  #configured(): readonly MountpathConfig[] {
    return configuredNow(this.#parts.file, this.#overrides)
  }

  #keep(overrides: MountpathOverrides): void {
    this.#parts.keep(overrides)
    this.#overrides = overrides
  }

  /** Puts an open mountpath into use. */
  #take(mountpath: Mountpath): void {
    const {path, id, standing} = mountpath
    if (this.#overrides.marks[path] !== id) this.#keep(withMark(this.#overrides, path, id))
    const leaving = this.#overrides.leaving.find((one) => one.path === path)
    standing.leaving = leaving?.goal ?? null
    const before = mountpathAt(this, path)
    if (before !== undefined) this.#hooks?.closed(before)
    this.used = [...this.used.filter((one) => one.path !== path), mountpath]
    this.missing = this.missing.filter((one) => one.path !== path)
    this.#hooks?.opened(mountpath)
  }

  #follow(
    order: MountpathOrder,
    verdict: Exclude<OrderVerdict, {type: 'refused' | 'nothing'}>,
  ): void {
    const {path} = order
    switch (verdict.type) {
      case 'open':
        return order.action === 'attach' ? this.#attach(order) : this.#enable(path)
      case 'stay': {
        this.#keep(withEnabled(this.#overrides, path))
        const one = mountpathAt(this, path)
        if (one !== undefined) one.standing.leaving = null
        return
      }
      case 'empty': {
        this.#keep(withLeaving(this.#overrides, path, verdict.goal))
        const one = mountpathAt(this, path)
        if (one !== undefined) one.standing.leaving = verdict.goal
        return
      }
      case 'disable':
        this.#disable(path)
        return this.#disableStranded()
      case 'detach':
        return this.#detach(path, verdict.givesUp)
    }
  }

  /** What is being emptied to be disabled has nowhere to go when the last other one is disabled. */
  #disableStranded(): void {
    if (this.used.some(takesWrites)) return
    for (const {path, standing} of this.leaving()) {
      if (standing.leaving === 'disable') this.#disable(path)
    }
  }

  #attach({path, label}: MountpathOrder): void {
    const config: MountpathConfig = label === '' ? {path} : {path, label}
    const opened = openMountpath(config, this.#question, this.#parts.portOf(config.path))
    if ('why' in opened) throw this.#cannot('attached', opened)
    const problem = this.#shares(opened)
    if (problem !== null) {
      opened.port.unpin(opened.pinned)
      throw this.#cannot('attached', {path, why: problem})
    }
    this.#keep(withAttached(this.#overrides, config))
    this.#take(opened)
    this.#parts.warn('mountpath attached', {path})
  }

  /** Compat: AIStore's mountpaths share a filesystem only under a label. */
  #shares({path, root, label}: Mountpath): string | null {
    if (label !== '' || this.#question.allowSharedFilesystem) return null
    const other = this.used.find((one) => one.root.dev === root.dev && one.path !== path)
    return other === undefined ? null : `it is on the filesystem of ${other.path}`
  }

  #enable(path: string): void {
    const config = this.#configured().find((one) => one.path === path) ?? {path}
    const opened = openMountpath(config, this.#question, this.#parts.portOf(config.path))
    const isReplaced = 'why' in opened && opened.replaced === true
    // Of a directory that is no mount point nobody knows what its disk is.
    const isKnown = isReplaced && !this.#question.allowSharedFilesystem
    const one = isKnown ? this.#replace(config) : opened
    if ('why' in one) throw this.#cannot('enabled', one)
    this.#keep(withEnabled(this.#overrides, path))
    this.#take(one)
    this.#parts.warn('mountpath enabled', {path})
  }

  /** An empty disk is where another was: what that one held is gone, and nobody waits for it. */
  #replace(config: MountpathConfig): Mountpath | MissingMountpath {
    const {path} = config
    const mark = this.#overrides.marks[path] ?? ''
    this.#parts.warn('a replaced disk: what was on the old one is given up', {path, mark})
    this.#giveUp(path)
    return openMountpath(
      config,
      {...this.#question, isKnown: () => false},
      this.#parts.portOf(path),
    )
  }

  #giveUp(path: string): void {
    this.#keep(withGivenUp(this.#overrides, path))
    this.#hooks?.givenUp(path)
  }

  #disable(path: string): void {
    const one = mountpathAt(this, path)
    if (one === undefined || one.calls.disabled() !== null) {
      return this.#keep(withDisabled(this.#overrides, {path, why: BY_ORDER}))
    }
    one.calls.disable(BY_ORDER)
    this.#hooks?.closed(one)
    if (!this.#mayHold(path)) this.used = this.used.filter((other) => other !== one)
  }

  #detach(path: string, givesUp: boolean): void {
    const one = mountpathAt(this, path)
    if (givesUp) this.#giveUp(path)
    this.#keep(withDetached(this.#overrides, path))
    this.used = this.used.filter((other) => other.path !== path)
    this.missing = this.missing.filter((other) => other.path !== path)
    if (one !== undefined && one.calls.disabled() === null) one.calls.disable('it was detached')
    if (one !== undefined) this.#hooks?.closed(one)
    this.#parts.warn('mountpath detached', {path, givesUp})
  }

  #onDisabled(path: string, why: string): void {
    // One that is detached is no mountpath of this target any more.
    const one = mountpathAt(this, path)
    if (one === undefined) return
    this.#parts.warn('mountpath disabled', {path, why})
    // Its disk may be unmounted and replaced.
    setImmediate(() => this.#hooks?.closed(one))
    try {
      this.#keep(withDisabled(this.#overrides, {path, why}))
    } catch (error) {
      if (errnoOf(error) === '') throw error
      // It serves no more; a restart would try it again.
      this.#parts.warn('that a mountpath is disabled could not be kept', {
        path,
        error: String(error),
      })
    }
  }

  #mayHold(path: string): boolean {
    return this.#hooks?.mayHold(path) ?? true
  }

  #known(path: string): KnownMountpath {
    const one = mountpathAt(this, path)
    const mayHold = this.#mayHold(path)
    if (one === undefined || one.calls.disabled() !== null) {
      return {path, state: 'disabled', mayHold, usedBytes: 0, availableBytes: 0}
    }
    const state = one.standing.leaving === null ? 'available' : 'leaving'
    const usedBytes = this.#hooks?.usedBytes(path) ?? 0
    return {path, state, mayHold, usedBytes, availableBytes: availableOn(one)}
  }

  #cannot(what: string, {path, why, replaced}: MissingMountpath): AisError {
    const message = `mountpath ${path} cannot be ${what}: ${why}`
    const pair = `NODE=${path}`
    const hint = `mount it; to give up what it held: aisctl storage mountpath detach ${pair} --no-resilver, then attach`
    const more = replaced === true ? {hint} : {}
    return new AisError(this.#named(refusal('REFUSED', message, more)))
  }

  #named<T extends {readonly message: string}>(refused: T): T {
    const node = nodeLabel('target', this.#question.target)
    return {...refused, message: `${node}: ${refused.message}`}
  }
}

function availableOn({port, path, calls}: Mountpath): number {
  try {
    return port.space(path).availableBytes
  } catch (error) {
    if (errnoOf(error) === '') throw error
    calls.note(error)
    return 0
  }
}
