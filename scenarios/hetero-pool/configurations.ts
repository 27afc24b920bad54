import { UsageError } from '../../base/arguments.ts';
import type { Form } from './executable.ts';

/** How workers come to their jobs, see guest/pool.c. */
export type Dispatch = 'fifo' | 'prefer' | 'strict' | 'steal';

/** One way to run the same jobs. */
export interface Configuration {
  readonly id: string;
  /** Its letter in docs/hetero-pool.md. */
  readonly letter: string;
  readonly title: string;
  readonly form: Form;
  readonly dispatch: Dispatch;
  /** Each worker on a CPU of its own. */
  readonly pinned: boolean;
  /** Workers put themselves into the variant of their CPU. */
  readonly switching: boolean;
  /** Who outside the program chooses variants. */
  readonly policy: 'sigill' | 'cpu-variant' | undefined;
  /** Kind of the CPU on which the program starts, where that matters. */
  readonly startsOn: 'plain' | 'extended' | undefined;
  /** Workers for each CPU. */
  readonly workersPerCpu: number;
  /** Executes instructions that plain CPUs lack, and nobody helps. */
  readonly dies: boolean;
}

const standard = {
  dispatch: 'fifo',
  pinned: true,
  switching: false,
  policy: undefined,
  startsOn: undefined,
  workersPerCpu: 1,
  dies: false,
} as const;

export const configurations: readonly Configuration[] = [
  { ...standard, id: 'common', letter: 'a', title: 'common ISA everywhere', form: 'base' },
  { ...standard, id: 'melf-blind', letter: 'b', title: 'MELF, blind dispatch', form: 'melf', switching: true },
  {
    ...standard,
    id: 'melf-aware',
    letter: 'c',
    title: 'MELF, ISA-aware dispatch, idle workers help',
    form: 'melf',
    switching: true,
    dispatch: 'prefer',
  },
  {
    ...standard,
    id: 'melf-strict',
    letter: "c'",
    title: 'MELF, ISA-aware dispatch alone: each kind of job on its kind of CPU',
    form: 'melf',
    switching: true,
    dispatch: 'strict',
  },
  { ...standard, id: 'ext-everywhere', letter: 'd', title: 'extended ISA everywhere', form: 'ext', dies: true },
  {
    ...standard,
    id: 'melf-steal',
    letter: 'e',
    title: 'MELF, queues for each worker, work stealing',
    form: 'melf',
    switching: true,
    dispatch: 'steal',
  },
  {
    ...standard,
    id: 'sigill-policy',
    letter: 'f',
    title: 'MELF, learns from refused instructions',
    form: 'melf',
    policy: 'sigill',
  },
  {
    ...standard,
    id: 'unpinned',
    letter: 'g',
    title: 'MELF, workers not pinned, variant follows the CPU',
    form: 'melf',
    pinned: false,
    policy: 'cpu-variant',
    workersPerCpu: 1.5,
  },
  {
    ...standard,
    id: 'ifunc-plain',
    letter: 'h',
    title: 'chosen once per process, on a plain CPU',
    form: 'chosen',
    startsOn: 'plain',
  },
  {
    ...standard,
    id: 'ifunc-extended',
    letter: 'h',
    title: 'chosen once per process, on an extended CPU',
    form: 'chosen',
    startsOn: 'extended',
    dies: true,
  },
];

export function configurationNamed(id: string): Configuration {
  const found = configurations.find((one) => one.id === id);
  if (found !== undefined) return found;
  throw new UsageError('scenario.configuration', `There is no configuration ${id}`, {
    hint: `There are ${configurations.map((one) => one.id).join(', ')}.`,
  });
}

/** Shares of the two kinds of jobs, as "F:M". */
export interface Mix {
  readonly id: string;
  readonly f: number;
  readonly m: number;
}

/** Numbers of plain and extended CPUs, as "plain:extended". */
export interface Ratio {
  readonly id: string;
  readonly plain: number;
  readonly extended: number;
}

function pairOf(flag: string, id: string): [number, number] {
  const match = /^(\d{1,2}):(\d{1,2})$/.exec(id);
  const pair: [number, number] = [Number(match?.[1]), Number(match?.[2])];
  if (match !== null && pair[0] + pair[1] > 0) return pair;
  throw new UsageError('cli.value', `${flag} cannot be ${id}`, { hint: 'It is a list of pairs such as 3:1,1:1,1:3.' });
}

export function parseMix(id: string): Mix {
  const [f, m] = pairOf('--mixes', id);
  return { id, f, m };
}

export function parseRatio(id: string): Ratio {
  const [plain, extended] = pairOf('--ratios', id);
  if (plain === 0 || extended === 0 || plain + extended > 32) {
    throw new UsageError('cli.value', `--ratios cannot hold ${id}`, {
      hint: 'Both kinds of CPU are needed, and at most 32 CPUs.',
    });
  }
  return { id, plain, extended };
}
