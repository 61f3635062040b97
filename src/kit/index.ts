/**
 * What plugins may use; the only barrel of the repository. A plugin imports `aisctl/kit` and nothing
 * else of aisctl. Adding an export here widens a public API: say so in the CHANGELOG.
 */

export {assert, BugError, defined, unreachable} from '../base/assert.ts'
export {AisError, refusal, type ErrorCode, type Refusal} from '../base/errors.ts'
export {formatDuration, formatSize, parseDuration, parseSize} from '../base/units.ts'
export {AisctlCommand} from '../cli/command.ts'
export type {Host, HostResult, HostRun} from '../ops/host/host.ts'
export type {Plan, Step, StepContext, StepEvent, StepProgress} from '../ops/plan/plan.ts'
