import type { GroupResult } from '../runner/configuration-results.ts';
import type { TextTable } from '../runner/text-table.ts';
import { grouped, microseconds, signedPercent } from '../runner/units.ts';
import { baselineId } from './configurations.ts';
import type { Report } from './report.ts';
import type { Change, ConfigurationResult } from './summary.ts';

const none = '–';

function changeText(id: string, { percent, low, high }: Change): string {
  if (id === baselineId) return percent === null ? none : 'baseline';
  if (percent === null) return none;
  const middle = signedPercent(percent);
  return low === null || high === null ? middle : `${middle} [${signedPercent(low)}, ${signedPercent(high)}]`;
}

/** Of fewer statements a 99th percentile is one of the largest few, and no more. */
export const leastForP99 = 300;

const times = (group: GroupResult | null): string[] => {
  if (group === null) return [none, none, none, none];
  const { count, mean, p50, p99 } = group;
  return [grouped(count), microseconds(mean), microseconds(p50), count < leastForP99 ? none : microseconds(p99)];
};

/** Latencies in microseconds of virtual time. The paper gives no figures for this case. */
export function latencyTable(results: readonly ConfigurationResult[]): TextTable {
  return {
    head: [
      'latency, µs',
      'plain: statements',
      'mean',
      'p50',
      'p99',
      'mean against plain',
      'sanitised: statements',
      'mean',
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

/** What the machine counted in the measurement window; switches in the whole run. */
export function machineTable(results: readonly ConfigurationResult[]): TextTable {
  return {
    head: [
      'counts',
      'statements/s',
      'against plain',
      'instr./statement',
      'syscalls/statement',
      'switches, whole run',
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

const pair = ({ plain, sanitised }: { plain: number; sanitised: number }): string[] => [plain, sanitised].map(grouped);

/** The runs that are only checked. */
export function checkedTable(runs: Report['checked']): TextTable {
  return {
    head: [
      'only checked',
      'connections: plain',
      'sanitised',
      'commands for plain',
      'for asan',
      'executed in plain',
      'in asan',
      'switches',
      'mistakes: plain',
      'sanitised',
      'reports',
    ],
    rows: runs.map(({ configuration, connections, commands, entries, switches, planted, reports }) => [
      configuration,
      ...pair(connections),
      ...pair(commands),
      ...(entries === null ? [none, none] : pair(entries)),
      grouped(switches),
      ...pair(planted),
      grouped(reports),
    ]),
  };
}
