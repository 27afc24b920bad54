import { UsageError } from '../../base/arguments.ts';
import type { Form } from './executable.ts';

/** A form of the server and a share of connections that are sanitised. */
export interface Configuration {
  readonly id: string;
  readonly form: Form;
  /** Of the connections whose variant can be chosen, from 0 to 1; in `always` none can, and all are checked. */
  readonly sanitisedShare: number;
  /** Connections ask the server for mistakes (patches/). */
  readonly planted: boolean;
}

/**
 * `plain` is the server as users have it; `plain-allocator` the same with the malloc of the sanitiser's runtime, which every MELF here has; `always` checks
 * for every connection, without variants.
 */
export const standardConfigurations: readonly string[] = [
  'plain',
  'plain-allocator',
  'melf-0',
  'melf-25',
  'melf-50',
  'melf-75',
  'melf-100',
  'always',
];

/** Every other one is compared with this. */
export const baselineId = 'plain';

/** Half of the connections are sanitised and all plant mistakes: not measured, only checked. */
export const plantedId = 'planted';

/** Reads an id: those above, `melf-P` for every percentage P, and `planted`. */
export function parseConfiguration(id: string): Configuration {
  const match = /^melf-(\d{1,3})$/.exec(id);
  const percent = Number(match?.[1]);
  const configuration = (form: Form, sanitisedShare: number, planted = false): Configuration => ({
    id,
    form,
    sanitisedShare,
    planted,
  });
  if (match !== null && percent <= 100) return configuration('melf', percent / 100);
  if (id === 'plain' || id === 'plain-allocator' || id === 'always') return configuration(id, 0);
  if (id === plantedId) return configuration('melf', 0.5, true);
  throw new UsageError('scenario.configuration', `There is no configuration ${id}`, {
    hint: `There are ${standardConfigurations.join(', ')}, and melf-P for every P from 0 to 100.`,
  });
}

/** The sanitised ones of the connections. `order`: a random order of them, so that those of a small share are among those of a larger one. */
export function sanitisedConnections({ sanitisedShare }: Configuration, order: readonly number[]): ReadonlySet<number> {
  return new Set(order.slice(0, Math.round(sanitisedShare * order.length)));
}
