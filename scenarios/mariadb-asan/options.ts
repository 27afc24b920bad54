import type { ArgsDef, CommandDef } from 'citty';
import { integerValue, parseCommandLine } from '../../base/arguments.ts';
import { loadMachine } from '../../emulator/scheduler/machine-description.ts';
import { type RunnerOptions, runnerFlags, runnerOptions } from '../runner/flags.ts';
import { parseDuration } from '../runner/units.ts';
import { type Configuration, parseConfiguration, standardConfigurations } from './configurations.ts';
import { defaultLoad, type Load } from './load.ts';
import type { MachineSettings } from './run-record.ts';

const defaultMachine: MachineSettings = {
  isa: 'x86-64',
  description: 'uniform-4',
  costModel: 'inorder',
  networkLatency: 20e3,
  threads: 'one-per-connection',
};

const quickTimes = { warmUp: 2e6, window: 20e6 };

const flags = {
  ...runnerFlags,
  quick: { type: 'boolean', description: 'One seed and a shorter measurement: some minutes' },
  configurations: {
    type: 'string',
    default: standardConfigurations.join(','),
    description: 'Which configurations, with commas; melf-P for every share P',
  },
  plant: { type: 'boolean', default: true, description: 'Make three runs more, in which connections plant mistakes' },
  contexts: {
    type: 'boolean',
    default: true,
    description: 'Make two runs more: by a pool of threads, and with sessions that change their variant midway',
  },
  connections: { type: 'string', default: String(defaultLoad.connections), description: 'Clients' },
  rows: { type: 'string', default: String(defaultLoad.rows), description: 'Rows of each client in each table' },
  writes: { type: 'boolean', default: true, description: 'Statements that change rows, too (a fifth of all)' },
  think: { type: 'string', default: '1ms', description: 'Mean time from an answer to the next statement' },
  'warm-up': { type: 'string', description: 'Time before the measurement (default: 5ms; with --quick 2ms)' },
  window: { type: 'string', description: 'Time of the measurement (default: 80ms; with --quick 20ms)' },
  pool: { type: 'string', description: 'Serve by a pool of so many groups of threads, not by one for each connection' },
  build: { type: 'boolean', description: 'Run nothing: only fetch, build and link what is missing' },
  publish: { type: 'string', description: 'Measure nothing: serve ordinary clients on this loopback port of the host' },
  machine: { type: 'string', default: defaultMachine.description, description: 'Machine description' },
  'cost-model': {
    type: 'enum',
    options: ['inorder', 'count'],
    default: defaultMachine.costModel,
    description: 'How cycles are charged',
  },
  latency: { type: 'string', default: '20us', description: 'One-way network latency' },
} as const satisfies ArgsDef;

const command = {
  meta: {
    name: 'npm run scenario mariadb-asan --',
    description: 'Real MariaDB as a multivariant executable, address-sanitised for some of its connections only',
  },
  args: flags,
} satisfies CommandDef<typeof flags>;

/** What is to be run. */
export interface ScenarioOptions extends RunnerOptions {
  readonly configurations: readonly Configuration[];
  readonly plant: boolean;
  readonly contexts: boolean;
  readonly build: boolean;
  readonly publish: number | undefined;
  readonly load: Load;
  readonly machine: MachineSettings;
  /** Load and machine are the scenario's own, so its claims about the result hold. */
  readonly standard: boolean;
}

/** The longest statements are about ranges of ten rows. */
const leastRows = 10;

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
    connections: integerValue('--connections', args.connections, 2, 90),
    rows: integerValue('--rows', args.rows, leastRows, 10_000),
    writes: args.writes,
    think: parseDuration('--think', args.think),
    warmUp: duration('warm-up', times.warmUp),
    window: duration('window', times.window),
  };
  const machine: MachineSettings = {
    isa: args.isa,
    description: args.machine,
    costModel: args['cost-model'],
    networkLatency: parseDuration('--latency', args.latency),
    threads: args.pool === undefined ? 'one-per-connection' : { groups: integerValue('--pool', args.pool, 1, 64) },
  };
  loadMachine(machine.description, machine.isa); // its errors belong here, not into every run
  const standardLoad = { ...defaultLoad, warmUp: load.warmUp, window: load.window };
  return {
    configurations: ids.map(parseConfiguration),
    plant: args.plant,
    contexts: args.contexts,
    build: args.build === true,
    publish: args.publish === undefined ? undefined : integerValue('--publish', args.publish, 1, 65535),
    ...runnerOptions(args),
    load,
    machine,
    standard:
      JSON.stringify(load) === JSON.stringify(standardLoad) &&
      JSON.stringify({ ...machine, isa: defaultMachine.isa }) === JSON.stringify(defaultMachine) &&
      load.window >= quickTimes.window,
  };
}
