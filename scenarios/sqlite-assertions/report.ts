import type { Check } from '../runner/checks.ts';
import type { JobFailure } from '../runner/jobs.ts';
import { versionsWith } from '../runner/provenance.ts';
import type { CodeSize } from './code-size.ts';
import { type LedgerResult, summariseLedgers } from './ledger-checks.ts';
import type { ScenarioOptions } from './options.ts';
import type {
  AssertionFailure,
  LedgerRecord,
  Load,
  MachineSettings,
  ServiceRecord,
  SpeedtestRecord,
} from './run-record.ts';
import type { ConfigurationResult } from './summary.ts';

/** A failed assertion and where it was planted. */
export interface ReportedFailure extends AssertionFailure {
  readonly configuration: string;
}

/** report.json. Times are ns of virtual time. */
export interface Report {
  readonly scenario: 'sqlite-assertions';
  readonly service: readonly ConfigurationResult[];
  readonly speedtest1: readonly Omit<SpeedtestRecord, 'program' | 'failures' | 'hostSeconds'>[];
  /** Databases whose power failed, by how they asked for durability. */
  readonly ledger: readonly LedgerResult[];
  readonly code: CodeSize;
  /** Of the first seed. */
  readonly assertionFailures: readonly ReportedFailure[];
  readonly checks: readonly Check[];
  readonly failures: readonly Omit<JobFailure, 'stack'>[];
  readonly seeds: readonly number[];
  readonly load: Load;
  readonly speedtestSize: number;
  readonly machine: MachineSettings;
  readonly unimplemented: Readonly<Record<string, number>>;
  readonly versions: Readonly<Record<string, string>>;
}

export function buildReport(parts: {
  options: ScenarioOptions;
  service: readonly ConfigurationResult[];
  serviceRuns: readonly ServiceRecord[];
  speedtests: readonly SpeedtestRecord[];
  ledgers: readonly LedgerRecord[];
  code: CodeSize;
  checks: readonly Check[];
  failures: readonly JobFailure[];
  versions: Readonly<Record<string, string>>;
}): Report {
  const { options, service, serviceRuns, speedtests, ledgers, code, checks, failures, versions } = parts;
  const unimplemented: Record<string, number> = {};
  for (const run of [...serviceRuns, ...speedtests, ...ledgers])
    for (const [name, count] of Object.entries(run.unimplemented))
      unimplemented[name] = (unimplemented[name] ?? 0) + count;
  return {
    scenario: 'sqlite-assertions',
    service,
    speedtest1: speedtests.map(({ program: _, failures: __, hostSeconds: ___, ...run }) => run),
    ledger: summariseLedgers(ledgers),
    code,
    assertionFailures: serviceRuns
      .filter(({ seed }) => seed === options.seeds[0])
      .flatMap(({ configuration, failures: tripped }) => tripped.map((one) => ({ configuration, ...one }))),
    checks,
    failures: failures.map(({ stack: _, ...failure }) => failure),
    seeds: options.seeds,
    load: options.load,
    speedtestSize: options.speedtestSize,
    machine: options.machine,
    unimplemented,
    versions: versionsWith(versions),
  };
}
