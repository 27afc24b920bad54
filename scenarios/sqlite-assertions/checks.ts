// What must be true of every run. Each check compares two things that come from different places.

import { type Check, checkEachRun, runName } from '../runner/checks.ts';
import { chosenThreads, configurationNamed, expectsAssertions } from './configurations.ts';
import type { Refusal } from './executable.ts';
import type { AssertionFailure, ServiceRecord, SpeedtestRecord } from './run-record.ts';
import type { ConfigurationResult, Measure } from './summary.ts';

/** As {@link checkEachRun}; nothing is claimed where there are no such runs. */
const over = (
  name: string,
  runs: readonly ServiceRecord[],
  ...rest: [(run: ServiceRecord) => string | undefined, string]
): Check[] => (runs.length === 0 ? [] : [checkEachRun(name, runs, ...rest)]);

/** Runs with the same seed must have given the same answers and left the same rows, whatever the variants. */
function checkHashes(runs: readonly ServiceRecord[]): Check {
  const first = new Map<number, ServiceRecord>();
  const different: string[] = [];
  for (const run of runs) {
    const other = first.get(run.seed);
    if (other === undefined) first.set(run.seed, run);
    else if (run.answersHash !== other.answersHash || run.contentHash !== other.contentHash || run.rows !== other.rows)
      different.push(`${runName(run)} against ${runName(other)}`);
  }
  const hashes = [...first.values()].map(({ seed, answersHash }) => `seed ${seed}: ${answersHash.slice(0, 12)}…`);
  const fine = `answers, rows and their number over ${runs.length} runs; ${hashes.join(', ')}`;
  const ok = different.length === 0;
  return { name: 'every configuration gives the same answers and rows', ok, detail: ok ? fine : different.join('; ') };
}

/** In a multivariant form each statement must have been in the view of the variant that its configuration wants for it. */
function wrongVariant(run: ServiceRecord): string | undefined {
  const configuration = configurationNamed(run.configuration);
  const perClient = Math.max(...run.statements.map(({ statement }) => statement)) + 1;
  const wrong = run.statements.filter(({ client, statement, asserted, view }) => {
    const expected = expectsAssertions(configuration, client, statement, perClient);
    return expected !== undefined && (asserted !== expected || (view === 1) !== expected);
  });
  if (wrong.length === 0) return undefined;
  const [{ client, statement, asserted, view }] = wrong as [(typeof wrong)[0]];
  return `${wrong.length} statements, such as number ${statement} of client ${client} (assertions ${asserted}, view ${view})`;
}

/** The service calls sqlite3_reset once for each statement, in the statement's variant. */
function wrongResets({ statements, resets }: ServiceRecord): string | undefined {
  const asserted = statements.filter((one) => one.asserted).length;
  const right = resets.assert === asserted && resets.noassert === statements.length - asserted;
  return right
    ? undefined
    : `${resets.assert} and ${resets.noassert} entries for ${asserted} and ${statements.length - asserted} statements`;
}

/**
 * Under the policy "middle" a statement begins without assertions, is stepped with, read without, stepped with, and reset with them (guest/session.c):
 * two switches there and back, at least, and one back before the next.
 */
function notInTurns({ statements: { length }, resets, binds, switches }: ServiceRecord): string | undefined {
  const right = resets.assert === length && resets.noassert === 0 && binds.noassert > 0 && binds.assert === 0;
  if (!right)
    return `${length} statements: ${binds.noassert} parameters bound without and ${binds.assert} with assertions, ${resets.noassert} and ${resets.assert} resets`;
  return switches > 2 * length ? undefined : `${switches} switches in ${length} statements`;
}

/** What plant.c's two faults must trip, with functions that must be on the stack in this order. */
const plantedFaults: readonly { what: string; expression: RegExp; stack: readonly string[] }[] = [
  {
    what: 'the damaged page',
    expression: /cellInfoEqual/,
    stack: ['assertCellInfo', 'accessPayload', 'sqlite3_blob_read', 'plant_page', 'session_serve', 'serve'],
  },
  {
    what: 'the unprotected value',
    expression: /sqlite3_mutex_held\(pVal->db->mutex\)/,
    stack: ['sqlite3ValueText', 'sqlite3_value_text', 'plant_value', 'session_serve', 'serve'],
  },
];

function hasStack({ stack }: AssertionFailure, wanted: readonly string[]): boolean {
  let next = 0;
  for (const frame of stack) if (frame.replace(/\+0x[0-9a-f]+$/, '') === wanted[next]) next++;
  return next === wanted.length;
}

function wrongFailures(run: ServiceRecord, clients: number): string | undefined {
  const { policy } = configurationNamed(run.configuration);
  const all = Array.from({ length: clients }, (_, client) => client);
  const asserting = policy === 'always' ? all : policy === 'never' ? [] : chosenThreads.filter((one) => one < clients);
  for (const client of all) {
    const own = run.failures.filter(({ thread }) => thread === client);
    for (const { what, expression, stack } of plantedFaults) {
      const found = own.filter((failure) => expression.test(failure.expression));
      const wanted = asserting.includes(client) ? 1 : 0;
      if (found.length !== wanted)
        return `${what} tripped ${found.length} assertions in thread ${client}, not ${wanted}`;
      const bad = found.find((failure) => failure.variant !== 'assert' || !hasStack(failure, stack));
      if (bad !== undefined) return `${what}: in variant ${bad.variant} with the stack ${bad.stack.join(' < ')}`;
    }
  }
  const known = plantedFaults.length * asserting.length;
  return run.failures.length === known ? undefined : `${run.failures.length} assertions failed, ${known} were planted`;
}

/** Runs every check on the finished runs of the service. */
export function checkService(runs: readonly ServiceRecord[], clients: number): Check[] {
  const planted = runs.filter(({ configuration }) => configurationNamed(configuration).planted === true);
  const sound = runs.filter((run) => !planted.includes(run));
  const melf = sound.filter(({ configuration }) => {
    const { form, policy } = configurationNamed(configuration);
    return form === 'melf' && policy !== 'middle';
  });
  const middle = sound.filter(({ configuration }) => configurationNamed(configuration).policy === 'middle');
  const requests = runs.reduce((sum, run) => sum + run.requests, 0);
  const statements = melf.reduce((sum, run) => sum + run.statements.length, 0);
  const trips = planted.reduce((sum, { failures }) => sum + failures.length, 0);
  return [
    ...over(
      'every answer is right',
      runs,
      ({ wrong, wrongCount }) => (wrongCount === 0 ? undefined : `${wrongCount} wrong (${wrong[0]})`),
      `${requests} replies compared with what their clients know`,
    ),
    ...(runs.length > 0 ? [checkHashes(runs)] : []),
    ...over(
      'the database is sound and the service ends well',
      runs,
      ({ integrity, exitCode }) =>
        integrity === 'ok' && exitCode === 0 ? undefined : `integrity_check says ${integrity}, exit code ${exitCode}`,
      'integrity_check says ok, exit code 0',
    ),
    ...over(
      'each statement is executed in the variant that its configuration asks for',
      melf,
      wrongVariant,
      `${statements} statements: what the service wanted, and the view that the machine had the thread in`,
    ),
    ...over(
      'statements by variant, as the machine counts them, are those that the service chose',
      melf,
      wrongResets,
      'entries of sqlite3_reset by view',
    ),
    ...over(
      'where variants change within statements, both execute their parts of each',
      middle,
      notInTurns,
      `${middle.reduce((sum, run) => sum + run.statements.length, 0)} statements, ${middle.reduce((sum, { switches }) => sum + switches, 0)} switches; parameters bound by noassert, resets by assert`,
    ),
    ...over(
      'no assertion fails where nothing is wrong',
      sound,
      ({ failures: [first] }) => (first === undefined ? undefined : `${first.where}: ${first.expression}`),
      `${sound.reduce((sum, run) => sum + run.statements.filter(({ asserted }) => asserted).length, 0)} statements under assertion`,
    ),
    ...over(
      'planted faults trip their assertions in the threads that run assert, once each, and nowhere else',
      planted,
      (run) => wrongFailures(run, clients),
      `${trips} failed assertions with their stacks in ${planted.length} runs`,
    ),
  ];
}

/** Every form and variant must come to the same verification hash. */
export function checkSpeedtest(runs: readonly SpeedtestRecord[]): Check[] {
  if (runs.length === 0) return [];
  const hashes = new Set(runs.map(({ verificationHash }) => verificationHash));
  const failed = runs.filter(({ exitCode, failures }) => exitCode !== 0 || failures.length > 0);
  return [
    {
      name: 'speedtest1 gives the same verification hash in every form',
      ok: hashes.size === 1 && !hashes.has(''),
      detail: `${[...hashes].join(', ')} in ${runs.length} runs`,
    },
    {
      name: 'speedtest1 ends well, without a failed assertion',
      ok: failed.length === 0,
      detail:
        failed.length === 0
          ? `${runs.length} runs`
          : failed.map(({ form, variant }) => `${form}, ${variant}`).join('; '),
    },
  ];
}

/** The pair that one would take first must not link: its structs differ. */
export function checkRefusal({ refused, message }: Refusal): Check {
  const differing = message.split('\n').filter((line) => /^error: .* disagree about .* bytes against /.test(line));
  return {
    name: 'the linker refuses SQLite with and without SQLITE_DEBUG as variants',
    ok: refused && differing.length > 0,
    detail: differing.map((line) => line.replace('error: ', '')).join('; ') || message.split('\n')[0]!,
  };
}

/** What the paper claims, as far as a model can be held to it: order, not size. */
export function checkShape(results: readonly ConfigurationResult[]): Check[] {
  const change = (id: string, group: 'all' | 'others' | 'asserted', measure: Measure): number | undefined =>
    results.find((one) => one.id === id)?.[group]?.against.noassert[measure]?.percent;
  const [most, always] = [change('melf-75', 'others', 'cycles'), change('always', 'all', 'cycles')];
  const [cycles, instructions] = [change('melf-0', 'all', 'cycles'), change('melf-0', 'all', 'instructions')];
  const checks: Check[] = [];
  if (cycles !== undefined && instructions !== undefined) {
    // Which threads run at the same moment decides who pays for shootdowns: seeds differ by 0.8 % (standard deviation), and one has no mean.
    const most = results.find(({ id }) => id === 'melf-0')!.seeds.length > 1 ? 1 : 2;
    checks.push({
      name: `a MELF that nobody switches executes what noassert alone does, at the same cost: within 0.25 % and ${most} %`,
      ok: Math.abs(instructions) < 0.25 && Math.abs(cycles) < most,
      detail: `melf-0: instructions ${instructions.toFixed(3)} %, cycles ${cycles.toFixed(2)} %`,
    });
  }
  if (most !== undefined && always !== undefined) {
    checks.push({
      name: 'assertions cost the statements without them less than a tenth of what they cost everybody when always on',
      ok: most < always / 10,
      detail: `melf-75: ${most.toFixed(2)} %; always: ${always.toFixed(2)} %`,
    });
  }
  // The first and only one in its view: what is new there (page tables, TLB) must not be what it costs.
  const single = change('request', 'asserted', 'cycles');
  if (single !== undefined && always !== undefined) {
    checks.push({
      name: 'a single statement under assertion costs less than twice what assertions cost when always on',
      ok: single < 2 * always,
      detail: `request: ${single.toFixed(2)} %; always: ${always.toFixed(2)} %`,
    });
  }
  // Instructions, not cycles: what a hundredth of the statements adds is less than what caches and the order of threads make of the rest.
  const shares = results.filter(({ id }) => /^melf-\d+$/.test(id)).map(({ all }) => all.instructions);
  if (shares.length > 2) {
    checks.push({
      name: 'the more statements are under assertion, the more instructions',
      ok: shares.every((value, index) => index === 0 || value > shares[index - 1]!),
      detail: shares.map((value) => Math.round(value)).join(' < '),
    });
  }
  return checks;
}
