import type { ArgsDef, CommandDef } from 'citty';
import { integerValue, parseCommandLine, UsageError } from '../../base/arguments.ts';
import type { Isa } from '../../setup/toolchain.ts';
import { type RunnerOptions, runnerFlags, runnerOptions } from '../runner/flags.ts';
import { parseDuration } from '../runner/units.ts';
import {
  type Configuration,
  configurationNamed,
  configurations,
  type Mix,
  parseMix,
  parseRatio,
  type Ratio,
} from './configurations.ts';
import { fastKernels, type KernelName, kernelNames } from './kernels.ts';

/** The M job of each ISA: what the vectoriser makes of plain C, from flags alone. */
const defaultKernel: Readonly<Record<Isa, KernelName>> = { 'x86-64': 'matrix', aarch64: 'dot8' };

const defaults = { mixes: '3:1,1:1,1:3', ratios: '3:1,2:2,1:3' };
/** Long enough that the end of a run, when some workers have nothing left to do, does not decide its makespan. */
const fullLoad = { count: 96, time: 1e6 };
const quickLoad = { count: 64, time: 250e3 };

const { isa: _, ...commonFlags } = runnerFlags;

const flags = {
  ...commonFlags,
  isa: {
    type: 'enum',
    options: ['x86-64', 'aarch64', 'both'],
    default: 'x86-64',
    description: 'Instruction set of the guest',
  },
  kernel: {
    type: 'string',
    description: `The M job: ${kernelNames.filter((name) => name !== 'fib').join(', ')} (default: matrix; on AArch64 dot8)`,
  },
  configurations: {
    type: 'string',
    default: configurations.map(({ id }) => id).join(','),
    description: 'Which configurations, with commas',
  },
  mixes: { type: 'string', default: defaults.mixes, description: 'Shares of F and M jobs' },
  ratios: { type: 'string', default: defaults.ratios, description: 'Numbers of plain and extended CPUs' },
  count: { type: 'string', description: `Jobs of a run (default: ${fullLoad.count}; with --quick ${quickLoad.count})` },
  'job-time': {
    type: 'string',
    description: 'How long a job takes with the common ISA (default: 1ms; with --quick 250us; 57.9ms is the slides’)',
  },
  'cost-model': {
    type: 'enum',
    options: ['inorder', 'count'],
    default: 'inorder',
    description: 'How cycles are charged',
  },
} as const satisfies ArgsDef;

const command = {
  meta: {
    name: 'npm run scenario hetero-pool --',
    description: 'A thread pool on CPUs with overlapping instruction sets, each with the variant that it can execute',
  },
  args: flags,
} satisfies CommandDef<typeof flags>;

export interface ScenarioOptions extends RunnerOptions {
  readonly isas: readonly Isa[];
  readonly kernels: Readonly<Record<Isa, KernelName>>;
  readonly configurations: readonly Configuration[];
  readonly mixes: readonly Mix[];
  readonly ratios: readonly Ratio[];
  readonly count: number;
  /** ns of virtual time. */
  readonly jobTime: number;
  readonly costModel: 'count' | 'inorder';
  /** The load is the scenario's own, so its claims about the result hold. */
  readonly standard: boolean;
}

const listOf = (text: string): string[] => [...new Set(text.split(',').map((part) => part.trim()))];

function kernelOf(isa: Isa, given: string | undefined): KernelName {
  if (given === undefined) return defaultKernel[isa];
  const known = fastKernels(isa);
  const found = known.find((name) => name === given);
  if (found !== undefined) return found;
  throw new UsageError('cli.value', `--kernel cannot be ${given} on ${isa}`, {
    hint: `It is one of ${known.join(', ')}.`,
  });
}

/** Reads the scenario's command line; `undefined` when help was asked for and given. */
export async function readOptions(argv: string[]): Promise<ScenarioOptions | undefined> {
  const parsed = await parseCommandLine(command, argv);
  if (parsed === undefined) return undefined;
  const { args } = parsed;
  const quick = args.quick === true;
  const load = quick ? quickLoad : fullLoad;
  const isas: Isa[] = args.isa === 'both' ? ['x86-64', 'aarch64'] : [args.isa];
  const kernels: Record<Isa, KernelName> = { ...defaultKernel };
  for (const isa of isas) kernels[isa] = kernelOf(isa, args.kernel);
  const count = args.count === undefined ? load.count : integerValue('--count', args.count, 1, 10_000);
  const jobTime = args['job-time'] === undefined ? load.time : parseDuration('--job-time', args['job-time']);
  const costModel = args['cost-model'];
  return {
    isas,
    kernels,
    configurations: listOf(args.configurations).map(configurationNamed),
    mixes: listOf(args.mixes).map(parseMix),
    ratios: listOf(args.ratios).map(parseRatio),
    count,
    jobTime,
    costModel,
    ...runnerOptions(args),
    standard:
      args.kernel === undefined && count >= quickLoad.count && jobTime >= quickLoad.time && costModel === 'inorder',
  };
}
