// What must be true of every run. Each check compares two counts that come from different places.

import { type Check, checkEachRun, checkRunsIfAny } from '../runner/checks.ts';
import { parseProfile, resolveProfile } from '../runner/profiler/profile.ts';
import type { RelativeChange } from '../runner/statistics.ts';
import type { FunctionTable } from '../runner/symbols.ts';
import { type Configuration, parseConfiguration } from './configurations.ts';
import type { RunRecord } from './run-record.ts';

/** The function that memcached enters once for each ASCII command. */
const commandFunction = 'process_command_ascii';

function profileMismatch(run: RunRecord, functions: FunctionTable): string | undefined {
  const profile = resolveProfile(parseProfile(run.profile), functions);
  if (profile.lost > 0) return `${profile.lost} calls did not fit into the profile's table`;
  const entered = new Map(run.watched.map(({ address, entries }) => [address, entries]));
  const addresses = new Set([...entered.keys(), ...profile.calls.keys()]);
  const wrong = [...addresses].filter((address) => (entered.get(address) ?? 0) !== (profile.calls.get(address) ?? 0));
  if (wrong.length === 0) return undefined;
  const shown = wrong.slice(0, 3).map((address) => {
    const name = functions.containing(address)?.name ?? `0x${address.toString(16)}`;
    return `${name}: profile ${profile.calls.get(address) ?? 0}, machine ${entered.get(address) ?? 0}`;
  });
  return `${wrong.length} of ${addresses.size} functions differ (${shown.join('; ')})`;
}

/** Commands that the server must have counted, by what the clients sent. */
function expectedCommands(run: RunRecord, { form }: Configuration): number {
  return form === 'always' ? run.requests : run.profiledCommands;
}

function countedCommands(run: RunRecord, functions: FunctionTable): number {
  const symbol = functions.named(commandFunction);
  const profile = resolveProfile(parseProfile(run.profile), functions);
  return symbol === undefined ? Number.NaN : (profile.calls.get(symbol.address) ?? 0);
}

/** Runs every check on the finished runs. `functions` are those of each configuration's executable. */
export function checkRuns(runs: readonly RunRecord[], functions: (configuration: string) => FunctionTable): Check[] {
  const requests = runs.reduce((sum, run) => sum + run.requests, 0);
  const melfRuns = runs.filter((run) => parseConfiguration(run.configuration).form === 'melf');
  const entries = melfRuns.reduce((sum, run) => sum + run.watched.reduce((total, one) => total + one.entries, 0), 0);
  const instrumented = runs.filter((run) => parseConfiguration(run.configuration).form !== 'plain');
  const nobody = melfRuns.filter((run) => parseConfiguration(run.configuration).profiledShare === 0);
  return [
    checkEachRun(
      'every reply is right',
      runs,
      ({ requests: asked, wrong, wrongCount }) => {
        if (asked === 0) return 'no request was made';
        return wrongCount === 0 ? undefined : `${wrongCount} wrong (${wrong[0]})`;
      },
      `${requests} replies compared with the model of the store`,
    ),
    checkEachRun(
      'the server ends well',
      runs,
      ({ exitCode }) => (exitCode === 0 ? undefined : `exit code ${exitCode}`),
      'exit code 0 in every run',
    ),
    ...checkRunsIfAny(
      'the profile equals the function entries that the machine counted in the prof view',
      melfRuns,
      (run) => profileMismatch(run, functions(run.configuration)),
      `${entries} entries in ${melfRuns.length} runs, function by function`,
    ),
    ...checkRunsIfAny(
      'each command of a profiled connection is in the profile once, no other is',
      instrumented,
      (run) => {
        const counted = countedCommands(run, functions(run.configuration));
        const expected = expectedCommands(run, parseConfiguration(run.configuration));
        return counted === expected ? undefined : `${counted} counted, ${expected} sent`;
      },
      `calls of ${commandFunction} against the commands that the clients sent`,
    ),
    ...checkRunsIfAny(
      'nothing is counted when no connection is profiled',
      nobody,
      (run) => {
        const { total } = resolveProfile(parseProfile(run.profile), functions(run.configuration));
        return total === 0 && run.counters.switches === 0
          ? undefined
          : `${total} calls, ${run.counters.switches} switches`;
      },
      'empty profile, no switch',
    ),
  ];
}

/** What the paper claims in words, as far as a model can be held to it: order, not size. */
export function checkShape(changes: ReadonlyMap<string, RelativeChange | undefined>): Check[] {
  const [none, most, always] = ['melf-0', 'melf-75', 'always'].map((id) => changes.get(id)?.percent);
  const checks: Check[] = [];
  if (none !== undefined) {
    const ok = Math.abs(none) < 1;
    checks.push({
      name: 'a MELF that nobody switches costs less than 1 %',
      ok,
      detail: `melf-0: ${none.toFixed(2)} % of plain's mean`,
    });
  }
  if (most !== undefined && always !== undefined) {
    const detail = `always ${always.toFixed(2)} %, melf-75 ${most.toFixed(2)} %`;
    checks.push({
      name: 'profiling for all costs performance clients more than profiling for three quarters',
      ok: always > most,
      detail,
    });
  }
  return checks;
}
