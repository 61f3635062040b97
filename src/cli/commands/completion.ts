import {Args} from '@oclif/core'
import {AisctlCommand} from '../command.ts'
import type {Shell} from '../completion/scripts.ts'
import {completionScript, SHELLS} from '../completion/scripts.ts'

export default class Completion extends AisctlCommand {
  static override readonly summary =
    'print what completes commands, flags, nodes and buckets in a shell'
  static override readonly examples = [
    'source <(<%= config.bin %> completion bash)',
    'source <(<%= config.bin %> completion zsh)',
    '<%= config.bin %> completion fish | source',
  ]
  static override readonly args = {
    shell: Args.string({description: 'which shell', options: [...SHELLS], required: true}),
  }

  async run(): Promise<unknown> {
    const {args} = await this.parse(Completion)
    const script = completionScript(args.shell as Shell)
    if (!this.jsonEnabled()) process.stdout.write(script)
    return {shell: args.shell, script}
  }
}
