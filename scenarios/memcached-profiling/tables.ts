import type { GroupResult } from '../runner/configuration-results.ts';
import type { TextTable } from '../runner/text-table.ts';
import { grouped, microseconds, signedPercent } from '../runner/units.ts';
import type { ConfigurationResult } from './summary.ts';

const none = '–';

function changeText({ id, relativeMeanPercent, relativeMeanLow, relativeMeanHigh }: ConfigurationResult): string {
  if (id === 'plain') return 'baseline';
  if (relativeMeanPercent === null) return none;
  const middle = signedPercent(relativeMeanPercent);
  if (relativeMeanLow === null || relativeMeanHigh === null) return middle;
  return `${middle} [${signedPercent(relativeMeanLow)}, ${signedPercent(relativeMeanHigh)}]`;
}

function serverText({ id, serverMean, relativeServerMeanPercent }: ConfigurationResult): string {
  if (serverMean === null) return none;
  const change =
    id === 'plain' || relativeServerMeanPercent === null ? '' : ` ${signedPercent(relativeServerMeanPercent, 1)}`;
  return `${microseconds(serverMean)}${change}`;
}

const times = (group: GroupResult | null): string[] =>
  group === null ? [none, none, none, none] : [group.mean, group.p50, group.p95, group.p99].map(microseconds);

/** Latencies in microseconds of virtual time, beside the paper's figures. */
export function latencyTable(results: readonly ConfigurationResult[]): TextTable {
  return {
    head: [
      'latency, µs',
      'mean',
      'p50',
      'p95',
      'p99',
      'mean against plain',
      'paper',
      'in the server',
      'profiled: mean',
      'p50',
      'p95',
      'p99',
    ],
    rows: results.map((result) => [
      result.id,
      ...times(result.performance),
      changeText(result),
      result.paperPercent === null ? '' : signedPercent(result.paperPercent),
      serverText(result),
      ...times(result.profiled),
    ]),
  };
}

/** What the machine counted in the measurement window. */
export function machineTable(results: readonly ConfigurationResult[]): TextTable {
  return {
    head: [
      'counts',
      'replies/s',
      'instr./reply',
      'syscalls/reply',
      'switches',
      'faults',
      'TLB misses',
      'line transfers',
      'CPUs busy',
    ],
    rows: results.map((result) => [
      result.id,
      grouped(result.throughput),
      grouped(result.instructionsPerRequest),
      result.syscallsPerRequest.toFixed(2),
      grouped(result.switches),
      grouped(result.pageFaults),
      grouped(result.tlbMisses),
      grouped(result.lineTransfers),
      `${(result.utilisation * 100).toFixed(1)} %`,
    ]),
  };
}
