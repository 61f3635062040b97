import {AisctlCommand, Args, loadRuntime} from 'aisctl/kit'

interface Added {
  readonly arch: string
  readonly version: string
  readonly sha256: string
}

export default class RuntimeAdd extends AisctlCommand {
  static override readonly summary = 'add a Node.js to ship to hosts of another architecture'
  static override readonly description = `Takes Node's own tarball for Linux, or the binary in it. It is kept on this machine and shipped to
every host of that architecture.`
  static override readonly examples = [
    '<%= config.bin %> runtime add node-v24.21.0-linux-arm64.tar.xz',
  ]
  static override readonly args = {
    file: Args.string({description: 'tarball or binary', required: true}),
  }

  async run(): Promise<Added> {
    const {args} = await this.parse(RuntimeAdd)
    const {addRuntime} = await loadRuntime()
    const {arch, version, sha256} = await addRuntime(args.file)
    this.log(`Node.js ${version} for ${arch} is ready. Next: aisctl check`)
    return {arch, version, sha256}
  }
}
