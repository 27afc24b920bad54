// What must be true of every run. Each check compares two things that come from different places.

import { type Check, checkEachRun } from '../runner/checks.ts';
import type { RelativeChange } from '../runner/statistics.ts';
import { parseConfiguration } from './configurations.ts';
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

/** What is wrong with the reports of a run whose connections planted mistakes; undefined: nothing. */
export function wrongReports({ errors, planted }: RunRecord): string | undefined {
  const connections = planted.sanitised / plants.length;
  if (connections === 0 || planted.plain === 0) return 'mistakes were not planted in both kinds of connections';
  const elsewhere = errors.filter(({ variant }) => variant !== 'asan');
  if (elsewhere.length > 0) return `${elsewhere.length} reports of variant ${elsewhere[0]!.variant}`;
  for (const plant of plants) {
    const found = errors.filter((error) => isReportOf(plant, error)).length;
    if (found !== connections) return `${plant.name}: ${found} right reports for ${connections} sanitised connections`;
  }
  const others = errors.filter((error) => !plants.some((plant) => isReportOf(plant, error)));
  return others.length === 0
    ? undefined
    : `${others.length} other reports (${others[0]!.kind} in ${others[0]!.stack[0]})`;
}

/** Runs every check on the finished runs. */
export function checkRuns(runs: readonly RunRecord[]): Check[] {
  const statements = runs.reduce((sum, run) => sum + run.statements, 0);
  const isPlanted = (run: RunRecord): boolean => parseConfiguration(run.configuration).planted;
  const planted = runs.filter(isPlanted);
  const ordinary = runs.filter((run) => !isPlanted(run));
  const checks = [
    checkEachRun(
      'every answer is right',
      runs,
      (run) => {
        if (run.statements === 0) return 'no statement was sent';
        return run.wrongCount === 0 ? undefined : `${run.wrongCount} wrong (${run.wrong[0]})`;
      },
      `${statements} statements, compared with each client's model of its rows; sums over the tables at the end`,
    ),
    checkEachRun(
      'the server ends well',
      runs,
      ({ exitCode }) => (exitCode === 0 ? undefined : `exit code ${exitCode}`),
      'exit code 0 in every run',
    ),
    checkEachRun(
      'nothing is reported where nothing is wrong',
      ordinary,
      ({ errors }) =>
        errors.length === 0 ? undefined : `${errors.length} reports (${errors[0]!.kind} in ${errors[0]!.stack[0]})`,
      `no report in ${ordinary.length} runs`,
    ),
  ];
  const nobody = ordinary.filter(({ configuration }) => parseConfiguration(configuration).sanitisedShare === 0);
  checks.push(
    checkEachRun(
      'nothing switches where no connection is sanitised',
      nobody,
      ({ counters }) => (counters.switches === 0 ? undefined : `${counters.switches} switches`),
      'no switch',
    ),
  );
  if (planted.length > 0) {
    const count = planted.reduce((sum, run) => sum + run.planted.sanitised, 0);
    const unseen = planted.reduce((sum, run) => sum + run.planted.plain, 0);
    checks.push(
      checkEachRun(
        'each planted mistake is found in sanitised connections, with the stacks of access, allocation and free, and in no other',
        planted,
        wrongReports,
        `${count} found; ${unseen} made by plain connections, none of them reported`,
      ),
    );
  }
  return checks;
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
