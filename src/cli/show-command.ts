/** The base of everything that shows: draws a page once, or again and again with `--refresh`. */

import {AisctlCommand} from './command.ts'
import {refreshFlags} from './flags.ts'
import {compactJson} from './render/json.ts'
import {redraw} from './render/redraw.ts'
import type {Page} from './show/cluster-page.ts'

export abstract class ShowCommand extends AisctlCommand {
  static override readonly baseFlags = {...AisctlCommand.baseFlags, ...refreshFlags}

  /** Resolves with what `--json` prints. */
  protected async show(
    flags: {readonly refresh?: number | undefined; readonly count?: number | undefined},
    page: () => Promise<Page>,
  ): Promise<unknown> {
    const {refresh, count} = flags
    if (this.jsonEnabled() && refresh === undefined) return (await page()).json
    const draw = async (): Promise<readonly string[]> => {
      const {lines, json} = await page()
      return this.jsonEnabled() ? [compactJson(json)] : lines
    }
    const lineByLine = this.jsonEnabled()
    await redraw(draw, {refreshMs: refresh, count, stream: process.stdout, lineByLine})
    // With --refresh, --json is one line per drawing and has been written already.
    this.drawn = true
    return undefined
  }

  private drawn = false

  protected override logJson(json: unknown): void {
    if (!this.drawn) super.logJson(json)
  }
}
