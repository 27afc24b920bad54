import { UsageError } from '../../base/arguments.ts';

/**
 * How the server is made:
 * - `plain`: one variant without instrumentation, libmelf replaced by stubs
 * - `melf`: the variants `fast` and `prof` in one executable, switched per connection
 * - `always`: one variant with instrumentation
 * - `branch`: as `always`, but each function asks first whether the connection is profiled
 */
export type Form = 'plain' | 'melf' | 'always' | 'branch';

/** A form of the server and a share of clients that ask to be profiled. */
export interface Configuration {
  readonly id: string;
  readonly form: Form;
  /** From 0 to 1. */
  readonly profiledShare: number;
}

/** What the table has, in its order. */
export const standardConfigurations: readonly string[] = [
  'plain',
  'melf-0',
  'melf-25',
  'melf-50',
  'melf-75',
  'melf-100',
  'always',
  'branch',
];

/** Every other one is compared with this. */
export const baselineId = 'plain';

/**
 * Reads an id: `plain`, `always`, `melf-P` and `branch-P` with P percent of the clients profiled; `branch` is `branch-0`, the price that clients
 * pay for the checks alone.
 */
export function parseConfiguration(id: string): Configuration {
  const match = /^(melf|branch)-(\d{1,3})$/.exec(id);
  const percent = Number(match?.[2]);
  if (match !== null && percent <= 100) return { id, form: match[1] as Form, profiledShare: percent / 100 };
  if (id === 'plain' || id === 'always' || id === 'branch') return { id, form: id, profiledShare: 0 };
  throw new UsageError('scenario.configuration', `There is no configuration ${id}`, {
    hint: `There are ${standardConfigurations.join(', ')}, and melf-P and branch-P for every P from 0 to 100.`,
  });
}

/**
 * Which connections are profiled: `random` ones, drawn from the seed, or those of the first workers (`workers`), so that as few workers as possible serve
 * both kinds. memcached gives new connections to its workers in turn.
 */
export const placements = ['random', 'workers'] as const;
export type Placement = (typeof placements)[number];

/** A share of the connections, rounded. `order`: a random order of them. */
export function profiledConnections(
  { profiledShare }: Configuration,
  order: readonly number[],
  placement: Placement = 'random',
  workers: number = 1,
): ReadonlySet<number> {
  const candidates = placement === 'random' ? order : order.toSorted((a, b) => (a % workers) - (b % workers) || a - b);
  return new Set(candidates.slice(0, Math.round(profiledShare * order.length)));
}
