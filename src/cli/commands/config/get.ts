import {Args} from '@oclif/core'
import {isJsonMap} from '../../../wire/decode.ts'
import type {Json, JsonMap} from '../../../wire/json.ts'
import {AisctlCommand} from '../../command.ts'
import {flatten} from '../../render/properties.ts'
import {clusterConfigPage} from '../../show/config-page.ts'

export default class ConfigGet extends AisctlCommand {
  static override readonly summary = 'print settings of the cluster: one bare, several as a table'
  static override readonly strict = false
  static override readonly examples = [
    '<%= config.bin %> config get rebalance.enabled',
    '<%= config.bin %> config get keepalivetracker log --json',
  ]
  static override readonly args = {
    what: Args.string({description: 'dotted key or section; all when none is given'}),
  }

  async run(): Promise<unknown> {
    const {argv, flags} = await this.parse(ConfigGet)
    const client = this.client(flags)
    const words = argv as string[]
    const [only, ...others] = words
    const pages = await Promise.all(
      (words.length === 0 ? [undefined] : words).map((word) => clusterConfigPage(client, word)),
    )
    const [first] = pages
    const bare =
      only === undefined || others.length > 0 ? undefined : bareValue(first?.json as JsonMap, only)
    if (bare === undefined) pages.forEach(({lines}) => this.print(lines))
    else this.log(bare)
    return pages.map(({json}) => json as JsonMap).reduce(merged)
  }
}

/** Two keys of one section stay both. */
function merged(a: JsonMap, b: JsonMap): JsonMap {
  const entries = Object.entries(b).map(([key, value]): [string, Json] => {
    const before = a[key]
    return [key, isJsonMap(before) && isJsonMap(value) ? merged(before, value) : value]
  })
  return {...a, ...Object.fromEntries(entries)}
}

/** The value of a key; undefined for a section. */
function bareValue(json: JsonMap, key: string): string | undefined {
  return flatten(json).find(([name]) => name === key)?.[1]
}
