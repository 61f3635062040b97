import {AisctlCommand, Flags, loadInventory} from 'aisctl/kit'
import {bundleFlag, DEFAULT_TOPOLOGY, topologyFlag} from '../topology-flag.ts'

export default class Inventory extends AisctlCommand {
  static override readonly summary = "the topology as Ansible's inventory"
  static override readonly description = `Prints what an Ansible inventory program prints: groups, and for each host the manifest that a deploy
would apply. Use it as a live inventory through a file of two lines:
  #!/bin/sh
  exec aisctl inventory --list -f topology.yaml`
  static override readonly examples = ['<%= config.bin %> inventory --list -f rack1.yaml']
  static override readonly flags = {
    file: topologyFlag({default: DEFAULT_TOPOLOGY}),
    list: Flags.boolean({description: 'all hosts and their variables', exclusive: ['host']}),
    host: Flags.string({description: 'the variables of one host'}),
    bundle: bundleFlag(),
  }

  async run(): Promise<unknown> {
    const {flags} = await this.parse(Inventory)
    const {buildInventory, liveInventory} = await loadInventory()
    const inventory = await buildInventory({
      file: flags.file,
      ...(flags.bundle === undefined ? {} : {bundle: flags.bundle}),
    })
    const shown =
      flags.host === undefined ? liveInventory(inventory) : (inventory.hosts[flags.host] ?? {})
    if (!this.jsonEnabled()) this.log(JSON.stringify(shown, null, 2))
    return shown
  }
}
