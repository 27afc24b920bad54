import type { ArgsDef, CommandDef } from 'citty';
import { integerValue, parseCommandLine, UsageError } from '../../base/arguments.ts';
import { loadMachine } from '../../emulator/scheduler/machine-description.ts';
import { type RunnerOptions, runnerFlags, runnerOptions } from '../runner/flags.ts';
import { parseDuration } from '../runner/units.ts';
import { type Configuration, parseConfiguration, placements, standardConfigurations } from './configurations.ts';
import { defaultLoad, type Load, storeMebibytes } from './load.ts';
import type { MachineSettings } from './run-record.ts';

const defaultMachine: MachineSettings = {
  isa: 'x86-64',
  description: 'uniform-4',
  costModel: 'inorder',
  coherence: true,
  networkLatency: 20e3,
  threads: 4,
};

/** With --quick: long enough for about 5,000 measured requests in each configuration. */
const quickTimes = { warmUp: 2e6, window: 20e6 };

const flags = {
  ...runnerFlags,
  configurations: {
    type: 'string',
    default: standardConfigurations.join(','),
    description: 'Which configurations, with commas; melf-P and branch-P for every share P',
  },
  connections: { type: 'string', default: String(defaultLoad.connections), description: 'Clients' },
  'get-share': {
    type: 'string',
    default: String(defaultLoad.getShare),
    description: 'Share of GETs, the rest are SETs',
  },
  keys: { type: 'string', default: String(defaultLoad.keys), description: 'Keys in the store' },
  zipf: { type: 'string', default: String(defaultLoad.zipf), description: "Exponent of the keys' Zipf distribution" },
  'value-bytes': { type: 'string', default: '32-512', description: 'Sizes of values: N or LEAST-MOST' },
  think: { type: 'string', default: '200us', description: 'Mean time from a reply to the next request' },
  'think-distribution': {
    type: 'enum',
    options: ['exponential', 'fixed'],
    default: defaultLoad.thinkDistribution,
    description: 'How think times are distributed',
  },
  placement: {
    type: 'enum',
    options: [...placements],
    default: defaultLoad.placement,
    description: 'Which connections are profiled: random ones, or those of the first workers',
  },
  'warm-up': { type: 'string', description: 'Time before the measurement (default: 5ms; with --quick 2ms)' },
  window: { type: 'string', description: 'Time of the measurement (default: 50ms; with --quick 20ms)' },
  threads: { type: 'string', default: String(defaultMachine.threads), description: "memcached's worker threads" },
  machine: { type: 'string', default: defaultMachine.description, description: 'Machine description' },
  'cost-model': {
    type: 'enum',
    options: ['inorder', 'count'],
    default: defaultMachine.costModel,
    description: 'How cycles are charged',
  },
  coherence: { type: 'boolean', default: true, description: 'Charge the transfers of contended cache lines' },
  latency: { type: 'string', default: '20us', description: 'One-way network latency' },
} as const satisfies ArgsDef;

const command = {
  meta: {
    name: 'npm run scenario memcached-profiling --',
    description: 'Real memcached as a multivariant executable, profiled for some of its clients only',
  },
  args: flags,
} satisfies CommandDef<typeof flags>;

/** What is to be run. */
export interface ScenarioOptions extends RunnerOptions {
  readonly configurations: readonly Configuration[];
  readonly load: Load;
  readonly machine: MachineSettings;
  /** Load and machine are the scenario's own, so its claims about the result hold. */
  readonly standard: boolean;
}

function numberValue(flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= least && value <= most)) {
    throw new UsageError('cli.value', `${flag} cannot be ${text === '' ? 'empty' : text}`, {
      hint: `It is a number from ${least} to ${most}.`,
    });
  }
  return value;
}

const largestValue = 100_000;
/** MiB of guest memory for the store. */
const largestStore = 1024;

function valueSizes(text: string): Load['valueBytes'] {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  const [least, most] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  // A value begins with its version's number.
  if (match === null || least < 16 || most < least || most > largestValue) {
    throw new UsageError('cli.value', `--value-bytes cannot be ${text}`, {
      hint: `It is N or LEAST-MOST, from 16 to ${largestValue}.`,
    });
  }
  return { least, most };
}

/** Reads the scenario's command line; `undefined` when help was asked for and given. */
export async function readOptions(argv: string[]): Promise<ScenarioOptions | undefined> {
  const parsed = await parseCommandLine(command, argv);
  if (parsed === undefined) return undefined;
  const { args } = parsed;
  const quick = args.quick === true;
  const times = quick ? quickTimes : defaultLoad;
  const duration = (flag: 'warm-up' | 'window', fallback: number): number =>
    args[flag] === undefined ? fallback : parseDuration(`--${flag}`, args[flag]);
  const ids = [...new Set(args.configurations.split(',').map((id) => id.trim()))];
  const load: Load = {
    connections: integerValue('--connections', args.connections, 1, 1000),
    getShare: numberValue('--get-share', args['get-share'], 0, 1),
    keys: integerValue('--keys', args.keys, 1, 1_000_000),
    zipf: numberValue('--zipf', args.zipf, 0, 10),
    valueBytes: valueSizes(args['value-bytes']),
    think: parseDuration('--think', args.think),
    thinkDistribution: args['think-distribution'],
    placement: args.placement,
    warmUp: duration('warm-up', times.warmUp),
    window: duration('window', times.window),
  };
  const machine: MachineSettings = {
    isa: args.isa,
    description: args.machine,
    costModel: args['cost-model'],
    coherence: args.coherence,
    networkLatency: parseDuration('--latency', args.latency),
    threads: integerValue('--threads', args.threads, 1, 64),
  };
  if (storeMebibytes(load) > largestStore) {
    throw new UsageError('cli.value', `The store would need ${storeMebibytes(load)} MiB`, {
      hint: `Lower --keys or --value-bytes: it may have ${largestStore} MiB.`,
    });
  }
  loadMachine(machine.description, machine.isa); // its errors belong here, not into every run
  const standardLoad = { ...defaultLoad, warmUp: load.warmUp, window: load.window };
  return {
    configurations: ids.map(parseConfiguration),
    ...runnerOptions(args),
    load,
    machine,
    standard:
      JSON.stringify(load) === JSON.stringify(standardLoad) &&
      JSON.stringify({ ...machine, isa: defaultMachine.isa }) === JSON.stringify(defaultMachine) &&
      load.window >= quickTimes.window,
  };
}
