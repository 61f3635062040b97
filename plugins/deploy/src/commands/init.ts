import {existsSync, writeFileSync} from 'node:fs'
import {AisctlCommand, AisError, askText, Flags, loadTopologyText, yesFlag} from 'aisctl/kit'
import {askBecome, wordsOf} from '../init-answers.ts'
import {DEFAULT_TOPOLOGY, topologyFlag} from '../topology-flag.ts'

export default class Init extends AisctlCommand {
  static override readonly summary = 'write a topology file, asking what it needs to know'
  static override readonly description = `Writes a commented topology. With --yes nothing is asked: what no flag says takes its default.`
  static override readonly examples = [
    '<%= config.bin %> init',
    '<%= config.bin %> init --yes --name rack1 --proxies h1,h2,h3 --targets h4,h5,h6,h7',
  ]
  static override readonly flags = {
    file: topologyFlag({default: DEFAULT_TOPOLOGY}),
    name: Flags.string({description: 'name of the cluster'}),
    proxies: Flags.string({description: 'hosts of gateways, with commas'}),
    targets: Flags.string({description: 'hosts of storage nodes, with commas'}),
    mountpaths: Flags.string({description: 'mount points of every target, with commas'}),
    user: Flags.string({description: 'login on the hosts'}),
    identity: Flags.string({description: 'private key for the login'}),
    become: Flags.option({
      options: ['none', 'sudo', 'sudo-password'] as const,
      description: 'how the login becomes root',
    })(),
    force: Flags.boolean({description: 'replace a file that is there'}),
    yes: yesFlag,
  }

  async run(): Promise<{readonly file: string; readonly hosts: number}> {
    const {flags} = await this.parse(Init)
    if (existsSync(flags.file) && !flags.force) throw exists(flags.file)
    const {checkTopologyText, newUuid, topologyText} = await loadTopologyText()
    const ask = (question: string, given: string | undefined, fallback: string, flag: string) =>
      given !== undefined || flags.yes
        ? Promise.resolve(given ?? fallback)
        : askText(question, fallback, flag)
    const name = await ask('Name of the cluster?', flags.name, 'ais', '--name')
    const proxies = await ask('Hosts of gateways?', flags.proxies, 'h1,h2,h3', '--proxies')
    const targets = await ask('Hosts of storage nodes?', flags.targets, 'h1,h2,h3', '--targets')
    const paths = await ask('Mount points?', flags.mountpaths, '/ais/mp1,/ais/mp2', '--mountpaths')
    const user = await ask('Login on the hosts?', flags.user, 'root', '--user')
    const text = topologyText({
      name,
      uuid: newUuid(),
      user,
      become: flags.become ?? (await askBecome(user, flags.yes)),
      ...(flags.identity === undefined ? {} : {identity: flags.identity}),
      proxies: wordsOf(proxies),
      targets: wordsOf(targets),
      mountpaths: wordsOf(paths),
    })
    const hosts = checkTopologyText(text, flags.file)
    writeFileSync(flags.file, text, {mode: 0o644})
    this.log(`${flags.file} is written: ${hosts} hosts. Next: aisctl check -f ${flags.file}`)
    return {file: flags.file, hosts}
  }
}

function exists(file: string): AisError {
  return new AisError({
    code: 'REFUSED',
    message: `${file} is there already; nothing was changed`,
    hint: 'name another with -f, or replace it with --force',
  })
}
