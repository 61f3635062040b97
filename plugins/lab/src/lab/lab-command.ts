/** What all lab commands share: which lab is meant, and the lock of those that change one. */

import {AisctlCommand, Flags} from 'aisctl/kit'
import {DEFAULT_LAB_NAME, DEFAULT_LABS_DIRECTORY} from './limits.ts'
import {openLab, requireRoot, withLabLock} from './registry.ts'
import type {LabState} from './state.ts'

export const labFlags = {
  name: Flags.string({
    description: 'name of the lab',
    default: DEFAULT_LAB_NAME,
    env: 'AISCTL_LAB',
    helpGroup: 'LAB',
  }),
  dir: Flags.string({
    description: 'directory of all labs',
    default: DEFAULT_LABS_DIRECTORY,
    env: 'AISCTL_LAB_DIR',
    helpGroup: 'LAB',
  }),
}

export interface LabChoice {
  readonly name: string
  readonly dir: string
}

export abstract class LabCommand extends AisctlCommand {
  static override readonly baseFlags = {...AisctlCommand.baseFlags, ...labFlags}

  /** The lab that the flags name. */
  protected lab({name, dir}: LabChoice): LabState {
    requireRoot()
    return openLab(name, dir)
  }

  /** Changes the lab that the flags name while nobody else does. */
  protected changeLab<T>(choice: LabChoice, work: (lab: LabState) => Promise<T>): Promise<T> {
    requireRoot()
    return withLabLock(choice.name, () => work(openLab(choice.name, choice.dir)))
  }

  /** Says what goes on, beside the result. */
  protected report(text: string): void {
    if (!this.jsonEnabled()) this.logToStderr(text)
  }
}
