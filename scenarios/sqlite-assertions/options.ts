import type { ArgsDef, CommandDef } from 'citty';
import { integerValue, parseCommandLine, UsageError } from '../../base/arguments.ts';
import { loadMachine } from '../../emulator/scheduler/machine-description.ts';
import { type RunnerOptions, runnerFlags, runnerOptions } from '../runner/flags.ts';
import { parseDuration } from '../runner/units.ts';
import { type Configuration, configurationNamed, configurationNames } from './configurations.ts';
import { type Program, programs } from './forms.ts';
import type { Load, MachineSettings } from './run-record.ts';

/** With --quick and without, where the flags say nothing else. */
const statementsOf = { quick: 150, full: 500 };
const powerFailuresOf = { quick: 4, full: 8 };
const mostClients = 32;

const flags = {
  ...runnerFlags,
  isa: { type: 'enum', options: ['x86-64', 'aarch64'], default: 'x86-64', description: 'Instruction set of the guest' },
  configurations: {
    type: 'string',
    default: configurationNames.join(','),
    description: 'Which configurations of the service, with commas',
  },
  programs: { type: 'string', default: programs.join(','), description: 'service, speedtest1, ledger or several' },
  clients: { type: 'string', default: '4', description: 'Clients of the service, each with a thread and a connection' },
  statements: { type: 'string', description: 'Statements of each client (default: 500; with --quick 150)' },
  think: { type: 'string', default: '100us', description: 'Mean time from a reply to the next request' },
  size: { type: 'string', default: '1', description: "speedtest1's --size" },
  'power-failures': {
    type: 'string',
    description: 'How often the power of each ledger fails, each seed (default: 8; with --quick 4)',
  },
  machine: { type: 'string', default: 'uniform-4', description: 'Machine description' },
  'cost-model': {
    type: 'enum',
    options: ['inorder', 'count'],
    default: 'inorder',
    description: 'How cycles are charged',
  },
  latency: { type: 'string', default: '20us', description: 'One-way network latency' },
} as const satisfies ArgsDef;

const command = {
  meta: {
    name: 'npm run scenario sqlite-assertions --',
    description: 'Real SQLite as a multivariant executable: its assertions for some of the statements only',
  },
  args: flags,
} satisfies CommandDef<typeof flags>;

/** What is to be run. */
export interface ScenarioOptions extends RunnerOptions {
  readonly configurations: readonly Configuration[];
  readonly programs: readonly Program[];
  readonly load: Load;
  readonly speedtestSize: number;
  /** Of each ledger. */
  readonly powerFailures: number;
  readonly machine: MachineSettings;
}

const listed = (text: string): string[] => [...new Set(text.split(',').map((one) => one.trim()))];

function readPrograms(text: string): Program[] {
  return listed(text).map((name) => {
    const program = programs.find((one) => one === name);
    if (program !== undefined) return program;
    throw new UsageError('cli.value', `--programs cannot be ${text}`, {
      hint: `It names some of ${programs.join(', ')}.`,
    });
  });
}

/** Reads the scenario's command line; `undefined` when help was asked for and given. */
export async function readOptions(argv: string[]): Promise<ScenarioOptions | undefined> {
  const parsed = await parseCommandLine(command, argv);
  if (parsed === undefined) return undefined;
  const { args } = parsed;
  const quick = args.quick === true;
  const statements = args.statements ?? String(quick ? statementsOf.quick : statementsOf.full);
  const powerFailures = args['power-failures'] ?? String(quick ? powerFailuresOf.quick : powerFailuresOf.full);
  const machine: MachineSettings = {
    isa: args.isa,
    description: args.machine,
    costModel: args['cost-model'],
    networkLatency: parseDuration('--latency', args.latency),
  };
  loadMachine(machine.description, machine.isa); // its errors belong here, not into every run
  return {
    configurations: listed(args.configurations).map(configurationNamed),
    programs: readPrograms(args.programs),
    ...runnerOptions(args),
    load: {
      clients: integerValue('--clients', args.clients, 1, mostClients),
      statements: integerValue('--statements', statements, 8, 1_000_000),
      think: parseDuration('--think', args.think),
    },
    speedtestSize: integerValue('--size', args.size, 1, 1000),
    powerFailures: integerValue('--power-failures', powerFailures, 1, 10_000),
    machine,
  };
}
