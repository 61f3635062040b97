/** Surveys of hosts in survey.sh's own words, as a healthy host gives them, with what a test changes. */

import {parseSurvey, type HostSurvey} from '../../../src/ops/survey/host-survey.ts'

const HEALTHY: Readonly<Record<string, string>> = {
  'time': '1795303961.954515707',
  'uid': '0',
  'arch': 'x86_64',
  'container': 'none',
  'machine': 'd9a8b6568b8762a00e85a82b1a0c4e0a',
  'uptime': '35031.16',
  'memory': '24684084',
  'open-files': '1048576',
  'keeper': 'chrony',
  'synchronized': 'yes',
  'link lo': '65536 ',
  'link eth0': '1500 10000',
  'sysctl fs.nr_open': '1073741816 ',
  'sysctl net.core.somaxconn': '4096 ',
  'sysctl net.ipv4.tcp_rmem': '4096 131072 33554432 ',
  'sysctl net.ipv4.tcp_wmem': '4096 16384 33554432 ',
  'sysctl net.ipv4.tcp_slow_start_after_idle': '0 ',
  'sysctl vm.min_free_kbytes': '123420 ',
  'sysctl vm.swappiness': '10 ',
}

/** When the sample was heard: its clock is right to the millisecond. */
export const HEARD_MS = 1_795_303_961_955

/** Key → value as survey.sh says them; null leaves a line out. */
export type SurveyChanges = Readonly<Record<string, string | null>>

export function surveyText(changes: SurveyChanges = {}): string {
  const lines = Object.entries({...HEALTHY, ...changes}).flatMap(([key, value]) =>
    value === null ? [] : [`${key}\t${value}`],
  )
  return [...lines, 'done\tyes', ''].join('\n')
}

export function surveyOf(changes: SurveyChanges = {}): HostSurvey {
  const survey = parseSurvey(surveyText(changes), {beforeMs: HEARD_MS, afterMs: HEARD_MS})
  if (survey === undefined) throw new Error('the sample is no survey')
  return survey
}
