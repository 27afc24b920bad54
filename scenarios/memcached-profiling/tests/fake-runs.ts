// Runs as a machine would give them, for tests of what is made of them.

import { Latencies } from '../../runner/latency.ts';
import type { RunRecord } from '../run-record.ts';

/** The latencies in ns of a made-up run's clients. */
export interface FakeLatencies {
  readonly performance?: readonly number[];
  readonly profiled?: readonly number[];
}

function recorded(values: readonly number[]): ReturnType<Latencies['recorded']> {
  const latencies = new Latencies();
  for (const value of values) latencies.record(value);
  return latencies.recorded();
}

/** A run that passes every check; `changes` spoils it. */
export function fakeRun(
  configuration: string,
  seed: number,
  { performance = [], profiled = [] }: FakeLatencies,
  changes: Partial<RunRecord> = {},
): RunRecord {
  const measured = performance.length + profiled.length;
  return {
    configuration,
    seed,
    performance: recorded(performance),
    profiled: recorded(profiled),
    window: { from: 5e6, to: 6e6 },
    measured,
    requests: measured + 10,
    profiledCommands: profiled.length,
    wrong: [],
    wrongCount: 0,
    exitCode: 0,
    counters: {
      instructions: 5000 * measured,
      cycles: 9000 * measured,
      syscalls: 3 * measured,
      switches: profiled.length,
      pageFaults: 7,
      tlbMisses: 100,
      contextSwitches: 5,
      lineTransfers: 10 * profiled.length,
    },
    utilisation: 0.25,
    traceHash: `${configuration}-${seed}`,
    events: 1000,
    unimplemented: {},
    profile: '',
    watched: [],
    timeline: undefined,
    hostSeconds: 1,
    ...changes,
  };
}
