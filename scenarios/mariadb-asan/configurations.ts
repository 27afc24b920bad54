import { UsageError } from '../../base/arguments.ts';
import type { Form } from './executable.ts';

/** A form of the server and a share of connections that are sanitised. */
export interface Configuration {
  readonly id: string;
  readonly form: Form;
  /** Of the connections, from 0 to 1. In forms with one variant there is no choice: 0 or 1. */
  readonly sanitisedShare: number;
  /** Connections ask the server for mistakes (patches/). */
  readonly planted: boolean;
  /** Connections change their variant by a command, midway and again and again. */
  readonly commands: boolean;
  /** Threads of the pool that serves; undefined: as the scenario's flags say. */
  readonly pool?: number;
}

/**
 * `plain` is one variant alone, with the flags and the patch that the MELF has, and glibc's malloc; `plain-allocator` the same with the malloc of the
 * sanitiser's runtime, which every MELF here has; `always` checks for every connection, without variants.
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

/** Connections plant mistakes, and nothing is measured: half of them are sanitised, all are, none is. */
export const plantedIds: readonly string[] = ['planted', 'planted-always', 'planted-plain'];
/** Other ways to choose a connection's variant than the user's name and a thread for each; only checked, too. */
export const contextIds: readonly string[] = ['pool', 'command'];

const checkedOnly: Readonly<Record<string, Omit<Configuration, 'id'>>> = {
  planted: { form: 'melf', sanitisedShare: 0.5, planted: true, commands: false },
  'planted-always': { form: 'always', sanitisedShare: 1, planted: true, commands: false },
  'planted-plain': { form: 'plain-allocator', sanitisedShare: 0, planted: true, commands: false },
  pool: { form: 'melf', sanitisedShare: 0.5, planted: false, commands: false, pool: 2 },
  command: { form: 'melf', sanitisedShare: 0.5, planted: false, commands: true },
};

/** Reads an id of a configuration that is measured: those above, and `melf-P` for every percentage P. */
export function parseConfiguration(id: string): Configuration {
  const match = /^melf-(\d{1,3})$/.exec(id);
  const percent = Number(match?.[1]);
  const configuration = (form: Form, sanitisedShare: number): Configuration => ({
    id,
    form,
    sanitisedShare,
    planted: false,
    commands: false,
  });
  if (match !== null && percent <= 100) return configuration('melf', percent / 100);
  if (id === 'plain' || id === 'plain-allocator') return configuration(id, 0);
  if (id === 'always') return configuration(id, 1);
  throw new UsageError('scenario.configuration', `There is no configuration ${id}`, {
    hint: `There are ${standardConfigurations.join(', ')}, and melf-P for every P from 0 to 100.`,
  });
}

/** The configuration of any run, of those that are only checked, too. */
export function configurationOfRun(id: string): Configuration {
  const known = checkedOnly[id];
  return known === undefined ? parseConfiguration(id) : { id, ...known };
}

/** The sanitised ones of the connections. `order`: a random order of them, so that those of a small share are among those of a larger one. */
export function sanitisedConnections({ sanitisedShare }: Configuration, order: readonly number[]): ReadonlySet<number> {
  return new Set(order.slice(0, Math.round(sanitisedShare * order.length)));
}
