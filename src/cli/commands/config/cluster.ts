import {Args} from '@oclif/core'
import type {ClusterClient} from '../../../client/cluster.ts'
import {parseAssignments} from '../../assignments.ts'
import {AisctlCommand} from '../../command.ts'
import {clusterConfigPage} from '../../show/config-page.ts'

export default class ConfigCluster extends AisctlCommand {
  static override readonly summary = 'show the configuration of the cluster, or change it'
  static override readonly strict = false
  static override readonly examples = [
    '<%= config.bin %> config cluster rebalance',
    '<%= config.bin %> config cluster proxy --json',
    '<%= config.bin %> config cluster rebalance.enabled=false ext.rebalance.bandwidth=100MiB',
    '<%= config.bin %> config cluster reset',
  ]
  static override readonly args = {
    what: Args.string({description: 'section to show, KEY=VALUE to set, or reset'}),
  }

  async run(): Promise<unknown> {
    const {argv, flags} = await this.parse(ConfigCluster)
    const client = this.client(flags)
    const words = (argv as string[]).filter((word, at) => at > 0 || word !== 'show')
    const [only, ...others] = words
    if (only === 'reset' && others.length === 0) return this.reset(client)
    if (others.length > 0 || only?.includes('=') === true) return this.set(client, words)
    const page = await clusterConfigPage(client, only)
    this.print(page.lines)
    return page.json
  }

  private async set(client: ClusterClient, words: readonly string[]): Promise<unknown> {
    const settings = Object.fromEntries(parseAssignments(words))
    await client.setConfig(settings)
    this.warnOf(Object.keys(settings))
    const sections = [...new Set(Object.keys(settings).map((key) => key.split('.')[0]))]
    for (const section of sections) this.print((await clusterConfigPage(client, section)).lines)
    this.log('\nCluster config updated. See all of it: aisctl config cluster')
    return {set: settings}
  }

  private async reset(client: ClusterClient): Promise<unknown> {
    await client.resetConfig()
    this.log('Cluster config has its defaults again. See it: aisctl config cluster')
    return {reset: true}
  }
}
