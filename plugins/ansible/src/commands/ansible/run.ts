import {existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {join} from 'node:path'
import {
  AisctlCommand,
  AisError,
  Args,
  cacheDir,
  dataDir,
  Flags,
  loadInventory,
  loadInventoryExport,
  planError,
  viewPlan,
} from 'aisctl/kit'
import {hostsMeant} from '../../limit.ts'
import {playOf, type Play} from '../../play.ts'

interface Played {
  readonly playbook: string
  /** Of ansible-playbook. */
  readonly exit: number
  readonly changed: readonly string[]
  /** With --check: what would be done, by host. */
  readonly steps: Readonly<Record<string, readonly string[]>>
  /** Ansible's own words. */
  readonly log: string
}

export default class AnsibleRun extends AisctlCommand {
  static override readonly summary = 'run a playbook of the collection, with progress'
  static override readonly description = `Plays as plain ansible-playbook would from an export, and shows for every host at which task it is.
What Ansible itself says goes to a file. Playbooks: deploy, upgrade, restart, shutdown, start, scale_out, decommission, node_shutdown, node_restart, node_start, node_decommission. The exit code is that of ansible-playbook: 2 when a task failed, 4 when a host was not reached.`
  static override readonly examples = [
    '<%= config.bin %> ansible run deploy',
    '<%= config.bin %> ansible run restart --check',
    '<%= config.bin %> ansible run node_shutdown --limit h3',
    '<%= config.bin %> ansible run decommission -e aisctl_confirm=rack1',
  ]
  static override readonly args = {
    playbook: Args.string({description: 'a playbook, or the path of one', required: true}),
  }
  static override readonly flags = {
    'file': Flags.string({
      char: 'f',
      description: 'the topology file',
      default: 'topology.yaml',
      env: 'AISCTL_TOPOLOGY',
      helpValue: 'FILE',
    }),
    'from': Flags.string({
      description: 'an export to run from, instead of a topology file',
      helpValue: 'DIR',
    }),
    'limit': Flags.string({
      description: 'hosts that are meant, as Ansible understands it',
      helpValue: 'HOSTS',
    }),
    'check': Flags.boolean({description: 'say what would be done, do nothing', default: false}),
    'extra-vars': Flags.string({
      char: 'e',
      description: 'a variable of the playbook',
      multiple: true,
      helpValue: 'NAME=VALUE',
    }),
    'bundle': Flags.string({
      description: 'what is shipped: a file of aisctl bundle create',
      env: 'AISCTL_BUNDLE',
      helpValue: 'FILE',
    }),
  }

  async run(): Promise<Played> {
    const {args, flags} = await this.parse(AnsibleRun)
    const {directory, leave} = await inventoryFor(flags)
    const log = join(dataDir(), 'ansible.log')
    try {
      const play = playOf({
        directory,
        playbook: args.playbook,
        hosts: hostsMeant(hostsIn(directory), flags.limit),
        argv: argvOf(flags),
        logFile: log,
      })
      return await this.show(play, args.playbook, log)
    } finally {
      leave()
    }
  }

  private async show(play: Play, playbook: string, log: string): Promise<Played> {
    const outcome = await viewPlan(play.plan, {quiet: this.jsonEnabled()})
    const error = planError(play.plan, outcome)
    const exit = play.exitCode()
    // Ansible was never started.
    if (exit === null) throw error ?? new AisError({code: 'INTERRUPTED', message: 'interrupted'})
    for (const [host, steps] of play.steps()) {
      for (const step of steps) this.log(`  ${host}: ${step}`)
    }
    const changed = [...play.changed()].toSorted()
    const what = changed.length === 0 ? 'nothing changed' : `changed: ${changed.join(', ')}`
    if (error === undefined) this.log(`${playbook} is done; ${what}. Look: aisctl show cluster`)
    else this.logToStderr(`${error.message}\n${playbook} has ended with ${exit}; see: ${log}`)
    process.exitCode = exit
    return {playbook, exit, changed, steps: Object.fromEntries(play.steps()), log}
  }
}

interface RunFlags {
  readonly 'file': string
  readonly 'from'?: string | undefined
  readonly 'limit'?: string | undefined
  readonly 'check': boolean
  readonly 'extra-vars'?: readonly string[] | undefined
  readonly 'bundle'?: string | undefined
}

function argvOf(flags: RunFlags): readonly string[] {
  return [
    ...(flags.limit === undefined ? [] : ['--limit', flags.limit]),
    ...(flags.check ? ['--check', '--diff'] : []),
    ...(flags['extra-vars'] ?? []).flatMap((one) => ['--extra-vars', one]),
  ]
}

interface Place {
  readonly directory: string
  /** Removes what was made for this run. */
  leave(): void
}

/** An export that is there, or one that lasts as long as the run. */
async function inventoryFor({from, file, bundle}: RunFlags): Promise<Place> {
  mkdirSync(dataDir(), {recursive: true})
  if (from !== undefined) {
    if (existsSync(join(from, 'ansible.cfg'))) return {directory: from, leave: () => undefined}
    throw new AisError({
      code: 'USAGE',
      message: `${from} is no export`,
      hint: `make one: aisctl ansible export ${from}`,
    })
  }
  const {buildInventory} = await loadInventory()
  const {exportInventory} = await loadInventoryExport()
  const inventory = await buildInventory({file, ...(bundle === undefined ? {} : {bundle})})
  mkdirSync(cacheDir(), {recursive: true})
  // The name is new and the directory its owner's alone: it holds the cluster key.
  const directory = mkdtempSync(join(cacheDir(), 'ansible-'))
  exportInventory(inventory, directory, {linked: true})
  return {directory, leave: () => rmSync(directory, {recursive: true, force: true})}
}

/** As the export lists them. */
function hostsIn(directory: string): readonly string[] {
  const list = JSON.parse(readFileSync(join(directory, 'hosts.json'), 'utf8')) as readonly string[]
  return list
}
