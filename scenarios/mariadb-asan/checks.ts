// What must be true of every run. Each check compares two things that come from different places.

import { type Check, checkEachRun, checkRunsIfAny } from '../runner/checks.ts';
import type { RelativeChange } from '../runner/statistics.ts';
import { type Configuration, configurationOfRun } from './configurations.ts';
import { type Plant, plantAllocates, plantFrees, plants, statementFunction } from './plants.ts';
import type { FoundError, RunRecord } from './run-record.ts';

/** Innermost frames of which one must be the function that makes the mistake. */
const nearTheTop = 3;

const has = (stack: readonly string[], name: string): boolean => stack.some((frame) => frame.includes(name));

/** Whether an error is what a planted mistake must lead to. */
export function isReportOf({ kind, access, function: maker, isFreed }: Plant, error: FoundError): boolean {
  return (
    error.kind === kind &&
    error.access === access &&
    has(error.stack.slice(0, nearTheTop), maker) &&
    has(error.stack, statementFunction) &&
    has(error.allocation, plantAllocates) &&
    has(error.freed, plantFrees) === isFreed
  );
}

/**
 * Whether it is what the runtime's malloc says to a second free by plain code that has no variants. Plain code makes calls at a function's end into
 * jumps, so that functions are missing on its stacks: only the one that makes the mistake is looked for.
 */
const isPlainReportOf = ({ kind, access, function: maker }: Plant, error: FoundError): boolean =>
  access === 'free' && error.kind === kind && error.access === access && has(error.stack.slice(0, nearTheTop), maker);

/**
 * What is wrong with the reports of a run whose connections planted mistakes; undefined: nothing. The runtime's own malloc sees a second free by
 * whoever has not said to be plain code, which a form with one variant cannot.
 */
export function wrongReports({ configuration, errors, planted, connections }: RunRecord): string | undefined {
  const { form } = configurationOfRun(configuration);
  const [plain, sanitised] = [connections.plain, connections.sanitised];
  if ((form !== 'always' && plain === 0) || (form !== 'plain-allocator' && sanitised === 0))
    return 'there were not the connections that such a run is about';
  if (planted.plain !== plain * plants.length || planted.sanitised !== sanitised * plants.length)
    return `${planted.plain} and ${planted.sanitised} mistakes by ${plain} and ${sanitised} connections`;
  const variant = form === 'plain-allocator' ? 'plain' : 'asan';
  const elsewhere = errors.filter((error) => error.variant !== variant);
  if (elsewhere.length > 0) return `${elsewhere.length} reports of variant ${elsewhere[0]!.variant}`;
  const isRight = form === 'plain-allocator' ? isPlainReportOf : isReportOf;
  for (const plant of plants) {
    const found = errors.filter((error) => isRight(plant, error));
    const wanted = form === 'plain-allocator' ? (plant.access === 'free' ? plain : 0) : sanitised;
    if (found.length !== wanted) return `${plant.name}: ${found.length} right reports, not ${wanted}`;
    // Each connection has a thread of its own and makes each mistake once.
    const threads = new Set(found.map(({ thread }) => thread)).size;
    if (threads !== wanted) return `${plant.name}: reports by ${threads} threads, not ${wanted}`;
  }
  const others = errors.filter((error) => !plants.some((plant) => isRight(plant, error)));
  return others.length === 0
    ? undefined
    : `${others.length} other reports (${others[0]!.kind} in ${others[0]!.stack[0]})`;
}

/** What is wrong with the variants that executed a run's commands. */
export function wrongVariants({ commands, entries }: RunRecord): string | undefined {
  if (entries === undefined) return 'the machine counted nothing';
  return entries.plain === commands.plain && entries.sanitised === commands.sanitised
    ? undefined
    : `${entries.plain} in plain and ${entries.sanitised} in asan for ${commands.plain} and ${commands.sanitised} sent`;
}

const sum = (runs: readonly RunRecord[], value: (run: RunRecord) => number): number =>
  runs.reduce((total, run) => total + value(run), 0);

/** Runs every check on the finished runs. */
export function checkRuns(runs: readonly RunRecord[]): Check[] {
  const of = (run: RunRecord): Configuration => configurationOfRun(run.configuration);
  const planted = runs.filter((run) => of(run).planted);
  const ordinary = runs.filter((run) => !of(run).planted);
  const multivariant = runs.filter((run) => of(run).form === 'melf');
  const sanitised = multivariant.filter((run) => of(run).sanitisedShare > 0);
  const nobody = runs.filter((run) => !sanitised.includes(run));
  return [
    checkEachRun(
      'every answer is right',
      runs,
      (run) => {
        if (run.statements === 0) return 'no statement was sent';
        return run.wrongCount === 0 ? undefined : `${run.wrongCount} wrong (${run.wrong[0]})`;
      },
      `${sum(runs, (run) => run.statements)} statements, compared with each client's model of its rows; sums over the tables at the end`,
    ),
    checkEachRun(
      'the server ends well',
      runs,
      ({ exitCode }) => (exitCode === 0 ? undefined : `exit code ${exitCode}`),
      'exit code 0 in every run',
    ),
    ...checkRunsIfAny(
      'nothing is reported where nothing is wrong',
      ordinary,
      ({ errors }) =>
        errors.length === 0 ? undefined : `${errors.length} reports (${errors[0]!.kind} in ${errors[0]!.stack[0]})`,
      `no report in ${ordinary.length} runs`,
    ),
    ...checkRunsIfAny(
      'each statement is executed in the variant that its connection asks for',
      multivariant,
      wrongVariants,
      `${sum(multivariant, ({ entries }) => entries?.sanitised ?? 0)} in asan and ${sum(multivariant, ({ entries }) => entries?.plain ?? 0)} in plain: entries of ${statementFunction} by view, compared with what each client sent`,
    ),
    ...checkRunsIfAny(
      'nothing switches where no connection is sanitised, or all code is',
      nobody,
      ({ switches }) => (switches === 0 ? undefined : `${switches} switches`),
      `no switch from the start to the end of ${nobody.length} runs`,
    ),
    ...checkRunsIfAny(
      'threads switch where some connections are sanitised',
      sanitised,
      ({ switches }) => (switches > 0 ? undefined : 'no switch'),
      `${sum(sanitised, ({ switches }) => switches)} switches in ${sanitised.length} runs`,
    ),
    ...checkRunsIfAny(
      'each planted mistake is found where its connection is sanitised, with the stacks of access, allocation and free, and nowhere else',
      planted,
      wrongReports,
      `${sum(planted, (run) => run.planted.sanitised)} found; ${sum(planted, (run) => run.planted.plain)} made by plain connections, none of them reported but second frees by code without variants, which the runtime's malloc sees`,
    ),
  ];
}

/** What context-specific sanitising claims, as far as a model can be held to it: order, not size. */
export function checkShape(changes: ReadonlyMap<string, RelativeChange | undefined>): Check[] {
  const [most, always] = ['melf-75', 'always'].map((id) => changes.get(id)?.percent);
  if (most === undefined || always === undefined) return [];
  return [
    {
      name: 'sanitising everything costs more than sanitising three quarters costs the others',
      ok: always > most,
      detail: `always ${always.toFixed(2)} %, melf-75 ${most.toFixed(2)} % of plain's mean`,
    },
  ];
}
