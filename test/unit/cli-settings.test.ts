/** A setting that is kept and heeded by nobody: whoever sets it is told. */

import t from 'tap'
import {AisctlCommand} from '../../src/cli/command.ts'
import {hasEffect} from '../../src/model/config/schema.ts'

class Settings extends AisctlCommand {
  readonly told: string[] = []
  override warn(input: Error | string): Error | string {
    this.told.push(String(input))
    return input
  }
  warnAbout(...keys: readonly string[]): readonly string[] {
    this.warnOf(keys)
    return this.told.splice(0)
  }
  run(): Promise<unknown> {
    return Promise.resolve()
  }
}

t.test('settings without effect are named, others and unknown ones are not', (t) => {
  const command = new Settings([], {} as ConstructorParameters<typeof Settings>[1])
  t.strictSame(command.warnAbout('rebalance.enabled', 'no.such'), [])
  const [text, ...others] = command.warnAbout('fshc.test_files', 'fshc.enabled', 'space.lowwm')
  t.match(text, /^fshc.test_files, space.lowwm: .* without effect/)
  t.strictSame(others, [])
  t.ok(hasEffect('fshc.error_limit'))
  t.end()
})
