import type { GroupResult } from '../runner/configuration-results.ts';
import type { TextTable } from '../runner/text-table.ts';
import { grouped, microseconds, signedPercent } from '../runner/units.ts';
import { baselineId } from './configurations.ts';
import type { Change, ConfigurationResult } from './summary.ts';

const none = '–';

function changeText(id: string, { percent, low, high }: Change): string {
  if (id === baselineId) return percent === null ? none : 'baseline';
  if (percent === null) return none;
  const middle = signedPercent(percent);
  return low === null || high === null ? middle : `${middle} [${signedPercent(low)}, ${signedPercent(high)}]`;
}

const times = (group: GroupResult | null): string[] =>
  group === null ? [none, none, none] : [group.mean, group.p50, group.p99].map(microseconds);

/** Latencies in microseconds of virtual time. The paper gives no figures for this case. */
export function latencyTable(results: readonly ConfigurationResult[]): TextTable {
  return {
    head: [
      'latency, µs',
      'plain: mean',
      'p50',
      'p99',
      'mean against plain',
      'sanitised: mean',
      'p50',
      'p99',
      'mean against plain',
    ],
    rows: results.map((result) => [
      result.id,
      ...times(result.performance),
      changeText(result.id, result.performanceChange),
      ...times(result.sanitised),
      changeText(result.id, result.sanitisedChange),
    ]),
  };
}

/** What the machine counted in the measurement window. */
export function machineTable(results: readonly ConfigurationResult[]): TextTable {
  return {
    head: [
      'counts',
      'statements/s',
      'against plain',
      'instr./statement',
      'syscalls/statement',
      'switches',
      'faults',
      'TLB misses',
      'CPUs busy',
    ],
    rows: results.map((result) => [
      result.id,
      grouped(result.throughput),
      changeText(result.id, result.throughputChange),
      grouped(result.instructionsPerStatement),
      result.syscallsPerStatement.toFixed(2),
      grouped(result.switches),
      grouped(result.pageFaults),
      grouped(result.tlbMisses),
      `${(result.utilisation * 100).toFixed(1)} %`,
    ]),
  };
}
