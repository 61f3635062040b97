import {AisctlCommand, Args, Flags, loadInventory, loadInventoryExport} from 'aisctl/kit'

interface Exported {
  readonly directory: string
  readonly hosts: number
}

export default class AnsibleExport extends AisctlCommand {
  static override readonly summary = 'write everything that plain Ansible needs to run the cluster'
  static override readonly description = `Writes inventory, variables, Node.js and aisnode, the cluster key and the collection aisctl.cluster.
ansible-playbook then deploys, upgrades, restarts, grows, shrinks, shuts down and starts the cluster
without aisctl.`
  static override readonly examples = ['<%= config.bin %> ansible export ./rack1']
  static override readonly args = {
    directory: Args.string({description: 'where to write', required: true}),
  }
  static override readonly flags = {
    file: Flags.string({
      char: 'f',
      description: 'the topology file',
      default: 'topology.yaml',
      env: 'AISCTL_TOPOLOGY',
      helpValue: 'FILE',
    }),
    bundle: Flags.string({
      description: 'what is shipped: a file of aisctl bundle create',
      env: 'AISCTL_BUNDLE',
      helpValue: 'FILE',
    }),
  }

  async run(): Promise<Exported> {
    const {args, flags} = await this.parse(AnsibleExport)
    const {buildInventory} = await loadInventory()
    const {exportInventory} = await loadInventoryExport()
    const inventory = await buildInventory({
      file: flags.file,
      ...(flags.bundle === undefined ? {} : {bundle: flags.bundle}),
    })
    exportInventory(inventory, args.directory)
    const hosts = Object.keys(inventory.hosts).length
    this.log(`${args.directory} is written: ${hosts} hosts; it holds the cluster key, keep it private.`)
    this.log(`Next: cd ${args.directory} && ansible-playbook aisctl.cluster.deploy`)
    return {directory: args.directory, hosts}
  }
}
