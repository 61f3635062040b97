import {AisctlCommand, Args, Flags, formatSize, loadBundle, type CreatedBundle} from 'aisctl/kit'
import {wordsOf} from '../../init-answers.ts'

export default class BundleCreate extends AisctlCommand {
  static override readonly summary =
    'write one file from which a machine without a registry deploys'
  static override readonly description = `Holds Node.js for the hosts, aisnode, aisctl itself and the collection for Ansible. On a machine
that has neither a registry nor a route out: tar -xf FILE && aisctl-bundle/aisctl deploy; where
aisctl is installed: aisctl deploy --bundle FILE. Checksums are compared before anything of it is
used. The same inputs give the same bytes.`
  static override readonly examples = [
    '<%= config.bin %> bundle create aisctl-bundle.tar',
    '<%= config.bin %> bundle create --arch x64,arm64 aisctl-bundle.tar',
  ]
  static override readonly args = {
    file: Args.string({description: 'file to write', required: true}),
  }
  static override readonly flags = {
    arch: Flags.string({description: 'architectures of the hosts, with commas; all that are here'}),
  }

  async run(): Promise<CreatedBundle> {
    const {args, flags} = await this.parse(BundleCreate)
    const {createBundle} = await loadBundle()
    const line = this.progress()
    const created = await createBundle({
      file: args.file,
      ...(flags.arch === undefined ? {} : {architectures: wordsOf(flags.arch)}),
      report: (text) => line.show(text),
    })
    line.end()
    const {file, bytes, sha256, version, architectures} = created
    this.log(
      `${file} holds aisctl and aisnode ${version} for ${architectures.join(', ')}: ${formatSize(bytes, 1)}, sha256 ${sha256}`,
    )
    this.log(`Next, over there: tar -xf ${file} && aisctl-bundle/aisctl deploy -f topology.yaml`)
    return created
  }
}
