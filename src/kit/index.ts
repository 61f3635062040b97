/**
 * What plugins may use; the only barrel of the repository. A plugin imports `aisctl/kit` and
 * nothing else of aisctl. Adding an export here widens a public API: say so in the CHANGELOG.
 */

/** Assertions: what may not happen. */
export {assert, BugError, defined, unreachable} from '../base/assert.ts'
/** Errors that an operator can meet, with their exit codes. */
export {AisError, refusal, type ErrorCode, type Refusal} from '../base/errors.ts'
/** Durations and sizes as text. */
export {formatDuration, formatSize, parseDuration, parseSize} from '../base/units.ts'
/** The client of a running cluster. */
export {openCluster, type ClusterClient} from '../client/cluster.ts'
/** Clusters that this machine knows: commands find them by name. */
export {
  forgetCluster,
  knownClusters,
  rememberCluster,
  type KnownCluster,
} from '../client/known-clusters.ts'
/** What a set of nodes survives, in words. */
export {survivalOf, type PlannedNode, type Survival} from '../client/survival.ts'
/** One small GET without retries, for health polls. */
export {probe, type ProbeAnswer} from '../client/probe.ts'
/** Where plugins keep files: configuration, data, and what may be lost. */
export {cacheDir, configDir, dataDir} from '../client/state-dir.ts'
/** The base command; every command of a plugin extends it. */
export {AisctlCommand} from '../cli/command.ts'
/** Flags with the same meaning everywhere. */
export {durationFlag, sizeFlag, yesFlag} from '../cli/flags.ts'
/** Questions; refused without a terminal. */
export {askSecret, askText, choose, confirm, confirmByTyping} from '../cli/prompt.ts'
/** Tables and progress as all commands draw them. */
export {progressLine, type ProgressLine} from '../cli/render/progress.ts'
export {renderGrid, renderTable, type TableColumn} from '../cli/render/table.ts'
/** Ids and their display form. */
export {isClusterUuid, isNodeId, nodeLabel} from '../model/ids.ts'
/** The node file that a deployer writes. */
export {
  CREDENTIAL_PREFIX,
  formatNodeFile,
  NODE_FILE_FORMAT,
  parseNodeFile,
  type MountpathEntry,
  type NodeFile,
} from '../model/config/node-file.ts'
export {formatEndpoint, parseEndpoint, type Endpoint, type Role} from '../model/node.ts'
export type {Host, HostResult, HostRun} from '../ops/host/host.ts'
/** Plans: the runner, and the one error that a failed plan ends with. */
export {planError, runPlan, type PlanOutcome, type RunOptions} from '../ops/plan/run.ts'
export {previewPlan} from '../ops/plan/preview.ts'
/** Topologies and deploys. Loaded when first used: they bring SSH and YAML with them. */
export const loadDeploy = (): Promise<typeof import('../ops/deploy/prepare.ts')> =>
  import('../ops/deploy/prepare.ts')
/** What the findings of a check mean, page by page. */
export const loadCheckPages = (): Promise<typeof import('../ops/check/explain.ts')> =>
  import('../ops/check/explain.ts')
/** What a scale-out adds. */
export const loadScaleOut = (): Promise<typeof import('../ops/node/scale-out.ts')> =>
  import('../ops/node/scale-out.ts')
/** Plans of deploys that are kept in a file. */
export {
  formatPlan as formatDeployPlan,
  parsePlan as parseDeployPlan,
  type PlanFile,
} from '../ops/deploy/plan-file.ts'
/** The topology as Ansible's inventory. */
export const loadInventory = (): Promise<typeof import('../ops/inventory/inventory.ts')> =>
  import('../ops/inventory/inventory.ts')
/** The same as a directory that plain Ansible runs from. */
export const loadInventoryExport = (): Promise<typeof import('../ops/inventory/export.ts')> =>
  import('../ops/inventory/export.ts')
/** What the hosts keep of their cluster, brought to this machine. */
export const loadState = (): Promise<typeof import('../ops/state/prepare-adopt.ts')> =>
  import('../ops/state/prepare-adopt.ts')
export type {Adopted} from '../ops/state/adopt.ts'
/** The topology file against what is deployed. */
export const loadConfigFile = (): Promise<typeof import('../ops/config/compare.ts')> =>
  import('../ops/config/compare.ts')
/** An editor on it, and what may come out. */
export const loadConfigEdit = (): Promise<typeof import('../ops/config/edit.ts')> =>
  import('../ops/config/edit.ts')
export type {Comparison} from '../ops/config/compare.ts'
/** A difference in colour. */
export {paintDiff} from '../cli/render/diff-view.ts'
/** One file for machines without a registry. */
export const loadBundle = (): Promise<typeof import('../ops/payload/bundle-create.ts')> =>
  import('../ops/payload/bundle-create.ts')
export type {CreatedBundle} from '../ops/payload/bundle-create.ts'
/** Node.js binaries that are shipped. */
export const loadRuntime = (): Promise<typeof import('../ops/payload/runtime.ts')> =>
  import('../ops/payload/runtime.ts')
/** The text of a new topology. */
export const loadTopologyText = (): Promise<typeof import('../ops/topology/write.ts')> =>
  import('../ops/topology/write.ts')
export type {CheckResult} from '../ops/check/check.ts'
export type {DeployOutcome} from '../ops/deploy/deploy.ts'
export type {Topology} from '../ops/topology/resolve.ts'
export type {TopologyAnswers} from '../ops/topology/write.ts'
/** Forgets what this machine keeps of a deployed cluster. */
export {forgetSite} from '../ops/site/site.ts'
export type {Plan, Step, StepContext, StepEvent, StepProgress} from '../ops/plan/plan.ts'
/** oclif's declarations of flags and arguments. */
export {Args, Flags} from '@oclif/core'
/** Draws a plan while it runs. */
export {viewPlan, type ViewOptions} from '../cli/render/plan-view.ts'
