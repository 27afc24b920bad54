import { UsageError } from '../../base/arguments.ts';
import type { Form } from './forms.ts';

/** One way to run the service. */
export interface Configuration {
  readonly id: string;
  readonly form: Form;
  /** The service's policy, as guest/policy.h has it. */
  readonly policy: string;
  /** Statements, percent, that the policy asks to be executed with assertions; absent where it is not about a share. */
  readonly share?: number;
  /** A client marks one of its statements. */
  readonly request?: boolean;
  /** Every client switches assertions on after a third of its statements and off after two thirds, in its open session. */
  readonly session?: boolean;
  /** Wrong state is planted in every client's session. */
  readonly planted?: boolean;
}

/** Whose threads execute assertions in the configurations named threads. */
export const chosenThreads: readonly number[] = [1, 3];
const threads = `threads:${chosenThreads.join()}`;

const all: readonly Configuration[] = [
  { id: 'plain', form: 'plain', policy: 'never' },
  { id: 'noassert', form: 'noassert', policy: 'never' },
  { id: 'melf-0', form: 'melf', policy: 'never', share: 0 },
  { id: 'melf-1', form: 'melf', policy: 'share:1', share: 1 },
  { id: 'melf-10', form: 'melf', policy: 'share:10', share: 10 },
  { id: 'melf-25', form: 'melf', policy: 'share:25', share: 25 },
  { id: 'melf-50', form: 'melf', policy: 'share:50', share: 50 },
  { id: 'melf-75', form: 'melf', policy: 'share:75', share: 75 },
  { id: 'melf-100', form: 'melf', policy: 'always', share: 100 },
  { id: 'always', form: 'always', policy: 'always' },
  { id: 'threads', form: 'melf', policy: threads },
  { id: 'every-5', form: 'melf', policy: 'every:5', share: 20 },
  { id: 'request', form: 'melf', policy: 'request', request: true },
  { id: 'session', form: 'melf', policy: 'request', session: true },
  { id: 'middle', form: 'melf', policy: 'middle' },
  { id: 'planted-never', form: 'melf', policy: 'never', planted: true },
  { id: 'planted-threads', form: 'melf', policy: threads, planted: true },
  { id: 'planted-always', form: 'melf', policy: 'always', planted: true },
  { id: 'planted-single', form: 'always', policy: 'always', planted: true },
];

export const configurationNames: readonly string[] = all.map(({ id }) => id);

/** The configuration of that name; throws UsageError with those there are. */
export function configurationNamed(id: string): Configuration {
  const found = all.find((one) => one.id === id);
  if (found !== undefined) return found;
  throw new UsageError('cli.configuration', `There is no configuration ${id}`, {
    hint: `There are: ${configurationNames.join(', ')}.`,
  });
}

/** Whether a statement of a client was to be executed with assertions; undefined where both variants execute parts of it. */
export function expectsAssertions(
  { form, policy, share, request, session }: Configuration,
  client: number,
  statement: number,
  statements: number,
): boolean | undefined {
  if (policy === 'middle') return undefined;
  if (policy === 'always') return true;
  if (form !== 'melf' || policy === 'never') return false;
  if (policy === threads) return chosenThreads.includes(client);
  if (request === true) return client === 0 && statement === requestedStatement(statements);
  if (session === true) return statement >= sessionOn(statements) && statement < sessionOff(statements);
  if (policy.startsWith('every:')) return statement % 5 === 4;
  // The policy spreads a share evenly, each client from another place on.
  const place = statement + client * 37;
  return Math.floor(((place + 1) * share!) / 100) > Math.floor((place * share!) / 100);
}

/** Numbers of statements at which something happens. */
export const requestedStatement = (statements: number): number => Math.floor(statements / 2);
export const sessionOn = (statements: number): number => Math.floor(statements / 3);
export const sessionOff = (statements: number): number => Math.floor((2 * statements) / 3);
export const plantPageBefore = (statements: number): number => Math.floor(statements / 2);
export const plantValueBefore = (statements: number): number => Math.floor((3 * statements) / 4);
